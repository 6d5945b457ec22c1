"""One value, one text: RFC 8785 for what it is asked to hold, and a refusal by name for the rest."""

import json
from enum import Enum, StrEnum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.ledger.canonical import MOST_DEPTH, MOST_INTEGER, canonical

values = st.recursive(
    st.none() | st.booleans() | st.integers(-MOST_INTEGER, MOST_INTEGER) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


def test_names_are_sorted_as_rfc_8785_sorts_them() -> None:
    """Section 3.2.3: by UTF-16 code units, so an emoji stands before a letter of the last block of the plane."""
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    text = canonical(dict.fromkeys(names, 0)).decode()
    assert list(json.loads(text)) == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


def test_strings_are_written_as_rfc_8785_writes_them() -> None:
    """Section 3.2.2.2: short escapes where there are some, lower-case hex for other controls, all else as it is."""
    assert canonical('\b\t\n\f\r"\\/\x00\x1f\x7f€😀') == (
        b'"\\b\\t\\n\\f\\r\\"\\\\/\\u0000\\u001f\x7f' + "€😀".encode() + b'"'
    )


def test_the_text_has_no_blanks_and_keeps_lists_in_order() -> None:
    value = {"b": [3, {"z": None, "a": True}, -1], "a": {}, "": []}
    assert canonical(value) == b'{"":[],"a":{},"b":[3,{"a":true,"z":null},-1]}'


@settings(deadline=None, max_examples=50)
@given(value=values)
def test_the_text_is_the_value_and_comes_back_as_the_same_text(value: Any) -> None:
    text = canonical(value)
    assert json.loads(text) == value
    assert canonical(json.loads(text)) == text


@settings(deadline=None, max_examples=50)
@given(value=st.dictionaries(st.text(max_size=8), values, min_size=2, max_size=6))
def test_the_order_in_which_names_were_set_does_not_matter(value: dict[str, Any]) -> None:
    assert canonical(dict(reversed(value.items()))) == canonical(value)


def test_an_enum_that_is_a_string_is_its_text() -> None:
    class Modern(StrEnum):
        A = "a"

    class Old(str, Enum):  # noqa: UP042  (what is tested is that it makes no difference)
        A = "a"

    assert canonical([Modern.A, Old.A, {Modern.A: 1}]) == b'["a","a",{"a":1}]'


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"a": [0, 1.5]}, r"body\.a\[1\]: is a float, which has no canonical form"),
        (float("nan"), "body: is a float"),
        ({"a": {"b": b"x"}}, r"body\.a\.b: is a bytes"),
        ({"a": {1, 2}}, r"body\.a: is a set"),
        (2**53, "body: is not within 9007199254740991 of zero"),
        ([-(2**53)], r"body\[0\]: is not within"),
        ({1: 2}, "body: has a name that is a int, not a string"),
        ("\ud800", "body: holds half a surrogate pair"),
        ({"\udfff": 1}, r"body: the name '\\udfff': holds half a surrogate pair"),
    ],
)
def test_what_has_no_canonical_form_is_refused_by_name(value: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=f"^{problem}"):
        canonical(value, "body")


def test_nesting_has_a_bound() -> None:
    def nested(depth: int) -> Any:
        return [nested(depth - 1)] if depth else 0

    assert canonical(nested(MOST_DEPTH)) == b"[" * MOST_DEPTH + b"0" + b"]" * MOST_DEPTH
    with pytest.raises(ValueError, match="is nested deeper than 32"):
        canonical(nested(MOST_DEPTH + 1))
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(ValueError, match="is nested deeper than 32"):
        canonical(endless)
