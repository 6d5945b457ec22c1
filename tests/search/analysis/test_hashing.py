"""Numbers as sets: each once, ascending."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from search.analysis.hashing import distinct


@given(st.lists(st.integers(0, 2**64 - 1) | st.sampled_from([0, 1, 2**63, 2**64 - 1])))
@example([])
@example([2**64 - 1, 0, 2**64 - 1])
def test_each_number_comes_once_and_they_ascend(numbers: list[int]) -> None:
    given = np.array(numbers, np.uint64)
    assert distinct(given).tolist() == sorted(set(numbers))
    assert distinct(given).dtype == np.uint64
    assert given.tolist() == numbers, "what was handed in is left as it was"
