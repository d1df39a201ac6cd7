"""The compiled loops over points against plain NumPy."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.data.arrays import Bools, Float64s
from streamer.data.photometry import BANDS, Kind
from streamer.data.ragged import Ragged, joined_entries, offsets_from_lengths
from streamer.surveys.kernel import code_of_letter
from streamer.surveys.survey import light_curves, no_points, without_sentinels


def light_curves_by_numpy(epoch: Float64s, tables: list[Ragged]) -> Ragged:
    """What is measured and past, ordered, each (epoch, band, kind) once."""
    curves = joined_entries(tables)
    error = curves["flux_err"]
    has_flux = (curves["kind"] == Kind.LIMIT) | np.isfinite(curves["flux"])
    measured = np.isfinite(error) & (error > 0) & has_flux & (curves["band"] >= 0)
    past = np.isfinite(curves["epoch"]) & (curves["epoch"] <= epoch[curves.rows])
    curves = curves.where(measured & past)
    curves = curves.ordered(curves["epoch"], curves["band"], curves["kind"])
    return curves.where(~_repeats(curves))


def _repeats(curves: Ragged) -> Bools:
    repeated = np.zeros(len(curves["epoch"]), dtype=np.bool_)
    keys = (curves.rows, curves["epoch"], curves["band"], curves["kind"])
    repeated[1:] = np.logical_and.reduce([column[1:] == column[:-1] for column in keys])
    return repeated


def random_points(rng: np.random.Generator, n: int, direction: int) -> Ragged:
    """Light curves of n rows whose points repeat, some not measured; along time (1), against it (−1), or in no order (0)."""
    offsets = offsets_from_lengths(rng.integers(0, 30, n))
    m = int(offsets[-1])
    epoch = rng.choice([0.0, -0.0, 1.5, 2.0, 7.0, 60_000.0, np.nan, np.inf, -np.inf, *range(20, 40)], m)
    flux, flux_err = (rng.choice([-1.0, 0.0, 3.5, np.nan, np.inf, 1e300], m) for _ in range(2))
    total = rng.permutation(m).astype(np.float64)  # so that each point is known again
    kind = rng.choice(np.array(list(Kind), dtype=np.int8), m)
    values = (epoch, rng.integers(-1, 6, m, dtype=np.int8), flux, np.abs(flux_err), total, kind)
    with np.errstate(over="ignore"):
        columns = {name: value.astype(room.dtype) for (name, room), value in zip(no_points(m).items(), values, strict=True)}
    found = Ragged(offsets, columns)
    return found.ordered(direction * found["epoch"]) if direction else found


@settings(max_examples=300)
@given(st.integers(0, 2**32), st.integers(0, 5), st.lists(st.sampled_from([-1, 0, 1]), min_size=1, max_size=3))
def test_light_curves_are_those_of_numpy(seed: int, n: int, directions: list[int]) -> None:
    rng = np.random.default_rng(seed)
    some = [random_points(rng, n, direction) for direction in directions]
    now = rng.choice([1.5, 30.0, 60_000.0, np.inf], n)
    joined = {name: np.concatenate([table[name] for table in some]) for name in no_points(0)}
    ours, theirs = light_curves(now, [table.offsets for table in some], joined), light_curves_by_numpy(now, some)
    np.testing.assert_array_equal(ours.offsets, theirs.offsets)
    assert ours.columns.keys() == theirs.columns.keys()
    for name, column in theirs.columns.items():
        assert ours[name].dtype == column.dtype
        np.testing.assert_array_equal(ours[name], column)


@given(st.lists(st.one_of(st.floats(), st.sampled_from([-999.0, -99.0, 0.0]))))
def test_placeholders_and_infinities_are_nan_and_nothing_else(values: list[float]) -> None:
    given_ = np.array(values, dtype=np.float64)
    expected = np.where(np.isin(given_, (-999.0, -99.0)) | ~np.isfinite(given_), np.nan, given_)
    np.testing.assert_array_equal(without_sentinels(given_, -999.0, -99.0), expected)


@given(st.lists(st.sampled_from([*BANDS, "", "ug", "Y", "u ", "1"])))
def test_only_a_single_letter_is_a_band(texts: list[str]) -> None:
    expected = [BANDS.index(text) if text in BANDS else -1 for text in texts]
    alphabet = np.frombuffer("".join(BANDS).encode(), dtype=np.uint8)
    padded = [np.frombuffer(text.encode().ljust(2, b"\0"), dtype=np.uint8) for text in texts]
    assert [code_of_letter(text, alphabet) for text in padded] == expected
