"""Readers of the environment: what they take, what they refuse, and that what they say gives nothing away."""

import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from governance.env import (
    SettingError,
    env_bool,
    env_choice,
    env_float,
    env_int,
    env_list,
    env_secret,
    env_str,
    env_url,
    generated_secret,
)

NAME = "TESTED_VARIABLE"
Reader = Callable[[], Any]
COLOURS = ("red", "green")

READERS: dict[str, tuple[Reader, Any]] = {
    "str": (lambda: env_str(NAME, "plain"), "plain"),
    "choice": (lambda: env_choice(NAME, COLOURS, "red"), "red"),
    "bool": (lambda: env_bool(NAME, default=True), True),
    "int": (lambda: env_int(NAME, 7, least=1, most=9), 7),
    "float": (lambda: env_float(NAME, 0.1, above=0.0, below=1.0), 0.1),
    "list": (lambda: env_list(NAME, ("a", "b")), ["a", "b"]),
    "url": (lambda: env_url(NAME, ("redis",)), None),
    "secret": (lambda: env_secret(NAME), ""),
}
"""Each reader, and what it gives where nothing is set."""

TAKEN: list[tuple[str, str, Any]] = [
    ("str", " x y ", "x y"),
    ("choice", "green", "green"),
    ("choice", " green\n", "green"),
    *(("bool", text, True) for text in ("1", "true", "YES", "On")),
    *(("bool", text, False) for text in ("0", "False", "no", "OFF")),
    ("int", "1", 1),
    ("int", " 9 ", 9),
    ("float", "2e-5", 2e-5),
    ("float", ".5", 0.5),
    ("list", "x, y ,,z,", ["x", "y", "z"]),
    ("list", ",", ["a", "b"]),
    ("secret", " s3cret ", "s3cret"),
]

REFUSED: list[tuple[str, str, str]] = [
    ("choice", "blue", "is 'blue', must be one of red, green"),
    ("choice", "Red", "must be one of"),
    ("bool", "maybe", "must be one of 0, 1, false, no, off, on, true, yes"),
    ("bool", "2", "must be one of"),
    ("int", "0", "is 0, must be from 1 to 9"),
    ("int", "10", "is 10, must be from 1 to 9"),
    ("int", "1.5", "must be a whole number"),
    ("int", "many", "must be a whole number"),
    ("int", "9" * 5000, "must be a whole number"),
    ("float", "0", "must be between 0.0 and 1.0"),
    ("float", "1", "must be between"),
    ("float", "nan", "must be between"),
    ("float", "inf", "must be between"),
    ("float", "half", "must be a number"),
    ("url", "localhost:6379", "must begin with redis:"),
    ("url", "http://x", "must begin with redis:"),
    ("url", "redis://h:port/0", "is not a URL"),
    ("url", "redis://h:99999/0", "is not a URL"),
    ("url", "redis://[::1/0", "is not a URL"),
]


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("value", [None, "", " ", "\t\n"])
def test_set_to_nothing_is_not_set(monkeypatch: pytest.MonkeyPatch, kind: str, value: str | None) -> None:
    monkeypatch.delenv(NAME, raising=False)
    if value is not None:
        monkeypatch.setenv(NAME, value)
    reader, default = READERS[kind]
    assert reader() == default


@pytest.mark.parametrize(("kind", "value", "expected"), TAKEN)
def test_a_right_value_is_taken(monkeypatch: pytest.MonkeyPatch, kind: str, value: str, expected: Any) -> None:
    monkeypatch.setenv(NAME, value)
    assert READERS[kind][0]() == expected


@pytest.mark.parametrize(("kind", "value", "message"), REFUSED, ids=lambda value: value[:20])
def test_a_wrong_value_is_refused_and_the_variable_named(
    monkeypatch: pytest.MonkeyPatch, kind: str, value: str, message: str
) -> None:
    monkeypatch.setenv(NAME, value)
    with pytest.raises(SettingError) as error:
        READERS[kind][0]()
    assert str(error.value).startswith(f"{NAME}: ")
    assert message in str(error.value)


@profile(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(list(READERS)), value=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)
)
def test_any_value_is_taken_or_refused_by_name(monkeypatch: pytest.MonkeyPatch, kind: str, value: str) -> None:
    monkeypatch.setenv(NAME, value.replace("\0", ""))
    try:
        READERS[kind][0]()
    except SettingError as error:
        assert str(error).startswith(f"{NAME}: ")  # noqa: PT017


@pytest.mark.parametrize(
    "url",
    ["redis://ada:hunter2@h:port/0", "redis://ada:hunter2℀@h/0", "http://ada:hunter2@h/", "redis://ada:hunter2@[h"],
)
def test_what_is_said_of_a_url_does_not_hold_its_password(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv(NAME, url)
    with pytest.raises(SettingError) as error:
        env_url(NAME, ("redis",))
    assert "hunter2" not in str(error.value)
    assert error.value.__suppress_context__ or error.value.__context__ is None


def test_a_url_comes_in_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "redis://:pw@cache:6380/1")
    url = env_url(NAME, ("redis", "rediss"))
    assert url is not None
    assert (url.scheme, url.hostname, url.port, url.path, url.password) == ("redis", "cache", 6380, "/1", "pw")


# --- secrets ---------------------------------------------------------------------------------------


def test_a_secret_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from a file\n")
    monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "key"))
    assert env_secret(NAME) == "from a file"
    monkeypatch.setenv(NAME, "from the environment")
    with pytest.raises(SettingError, match=rf"{NAME}: is set, and so is {NAME}_FILE") as error:
        env_secret(NAME)
    assert "from" not in str(error.value)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_secret_that_cannot_be_read_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "key"))
    with pytest.raises(SettingError, match=f"{NAME}_FILE: cannot be read"):
        env_secret(NAME)


def test_a_secret_is_generated_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    first = generated_secret(path)
    assert len(first) >= 64
    assert generated_secret(path) == first == path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["secret"]
    assert generated_secret(tmp_path / "other") != first


def test_many_that_start_at_once_agree_on_one_secret(tmp_path: Path) -> None:
    for attempt in range(20):
        path = tmp_path / str(attempt)
        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(generated_secret, [path] * 8))) == 1
    assert len(list(tmp_path.iterdir())) == 20


def test_what_a_start_left_that_was_killed_stops_no_later_one(tmp_path: Path) -> None:
    """In a container every start has the same process number."""
    for number in range(2000):
        (tmp_path / f"secret.{number}").touch()
    assert generated_secret(tmp_path / "secret")
