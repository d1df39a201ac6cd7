"""Ragged columns against plain lists of lists."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.data.ragged import Ragged, joined_entries, offsets_from_lengths

Rows = list[list[int]]
rows_of_numbers = st.lists(st.lists(st.integers(-5, 5), max_size=6), max_size=8)


def ragged(rows: Rows) -> Ragged:
    flat = np.array([value for row in rows for value in row], dtype=np.int64)
    return Ragged(offsets_from_lengths(np.array([len(row) for row in rows], dtype=np.int64)), {"x": flat, "y": flat * 0.5})


def plain(table: Ragged, name: str = "x") -> list[list[float]]:
    return [table.row(i)[name].tolist() for i in range(len(table))]


@given(rows_of_numbers)
def test_rows_come_back_as_they_went_in(rows: Rows) -> None:
    table = ragged(rows)
    assert plain(table) == rows
    assert table.lengths.tolist() == [len(row) for row in rows]
    assert table.rows.tolist() == [i for i, row in enumerate(rows) for _ in row]


@given(rows_of_numbers, st.data())
def test_take_gives_the_rows_asked_for_even_twice(rows: Rows, data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=10)) if rows else []
    taken = ragged(rows).take(np.array(chosen, dtype=np.int64))
    assert plain(taken) == [rows[i] for i in chosen]
    assert plain(taken, "y") == [[value * 0.5 for value in rows[i]] for i in chosen]


@given(rows_of_numbers, st.integers(-5, 5))
def test_where_keeps_the_marked_entries_in_their_rows(rows: Rows, least: int) -> None:
    table = ragged(rows)
    expected = [[value for value in row if value >= least] for row in rows]
    assert plain(table.where(table["x"] >= least)) == expected
    assert table.count(table["x"] >= least).tolist() == [len(row) for row in expected]


@given(rows_of_numbers)
def test_ordered_sorts_within_rows_and_keeps_equal_entries_in_place(rows: Rows) -> None:
    table = ragged(rows)
    numbered = Ragged(table.offsets, {"x": np.abs(table["x"]), "place": np.arange(len(table["x"]))})
    ordered = numbered.ordered(numbered["x"])
    expected = [sorted(numbered.row(i)["place"].tolist(), key=lambda place: numbered["x"][place]) for i in range(len(rows))]
    assert plain(ordered, "place") == expected


@given(st.lists(st.tuples(st.lists(st.integers(), max_size=3), st.lists(st.integers(), max_size=3)), min_size=0, max_size=6))
def test_joined_entries_puts_the_tables_row_by_row_behind_each_other(pairs: list[tuple[list[int], list[int]]]) -> None:
    def table(rows: Rows) -> Ragged:
        flat = np.array([value for row in rows for value in row], dtype=object)
        return Ragged(offsets_from_lengths(np.array([len(row) for row in rows], dtype=np.int64)), {"x": flat})

    joined = joined_entries([table([first for first, _ in pairs]), table([second for _, second in pairs])])
    assert plain(joined) == [first + second for first, second in pairs]


@pytest.mark.parametrize("offsets", [[], [1, 2], [0, 2, 1]])
def test_offsets_that_do_not_rise_from_zero_are_refused(offsets: list[int]) -> None:
    with pytest.raises(ValueError, match="offsets"):
        Ragged(np.array(offsets, dtype=np.int64), {})


def test_columns_of_another_length_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="wrong"):
        Ragged(np.array([0, 2]), {"right": np.zeros(2), "wrong": np.zeros(3)})
