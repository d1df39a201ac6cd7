import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streamer.training.split import Part, part_of, slices

GROUPS = st.lists(st.text(max_size=8), min_size=1, max_size=50)


@given(GROUPS, st.integers(0, 2**32), st.integers(4, 12))
def test_equal_groups_are_in_one_slice_whatever_stands_around_them(groups: list[str], seed: int, n: int) -> None:
    together = slices(groups, seed, n)
    assert together.tolist() == [slices([group], seed, n)[0] for group in groups]
    assert ((together >= 0) & (together < n)).all()


@given(GROUPS, st.integers(0, 2**32), st.integers(4, 12))
def test_over_all_rotations_each_object_is_tested_once(groups: list[str], seed: int, n: int) -> None:
    numbers = slices(groups, seed, n)
    tested = sum((part_of(numbers, rotation, n) == Part.TEST).astype(int) for rotation in range(n))
    assert np.all(tested == 1)


def test_the_four_parts_are_disjoint_and_the_rest_trains() -> None:
    parts = part_of(np.arange(10), rotation=8, n=10)
    assert {part: parts.tolist().count(part) for part in Part} == {"train": 7, "validation": 1, "calibration": 1, "test": 1}
    assert parts[8] == Part.TEST
    assert parts[9] == Part.CALIBRATION
    assert parts[0] == Part.VALIDATION
