"""The features of a pulsar's epochs against plain Python, and what must not change them."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from streamer.data.arrays import Float32s
from streamer.data.ragged import Ragged, offsets_from_lengths
from streamer.features import compute
from streamer.features.orbit import FEATURES, harmonic
from tests.builders import alert_batch

NAMES = [feature.name for feature in FEATURES]
COLUMNS = ("epoch", "p_bary", "p_err", "accel", "accel_err", "dm")
NAN = math.nan
Epoch = tuple[float, float, float, float, float, float]


def features(*rows: Sequence[Epoch]) -> Float32s:
    """float32[n, 9] of n candidates; an epoch is (MJD, P, σ_P, a, σ_a, DM)."""
    flat = np.array([epoch for row in rows for epoch in row], dtype=np.float64).reshape(-1, len(COLUMNS))
    offsets = offsets_from_lengths(np.array([len(row) for row in rows], dtype=np.int64))
    timing = Ragged(offsets, {name: flat[:, place] for place, name in enumerate(COLUMNS)})
    return compute(alert_batch([{}] * len(rows), survey="pulsar", bands=(), series={"timing": timing}), NAMES)


def log(value: float) -> float:
    return math.log10(max(value, 1e-12))


def oracle(row: Sequence[Epoch]) -> list[float]:
    """The features one after the other, as the module's text says."""
    if not row:
        return [0.0] + [NAN] * 8
    _, own, _, _, _, dm = row[-1]
    kept = []
    for t, p, s, a, s_a, d in row:
        factor = min([k for n in range(1, 9) for k in (n, 1 / n)], key=lambda k: abs(math.log(own / p / k)))
        if abs(factor * p / own - 1) <= 0.005 and not abs(d - dm) > max(2.0, 0.05 * dm):
            kept.append((t, factor * p / own - 1, s * factor / own, a, s_a))
    n = len(kept)
    t, y, s, a, s_a = np.array(kept).T
    pull = [abs(x) / e for x, e in zip(a, s_a, strict=True) if math.isfinite(x) and e > 0]
    found = [float(n), NAN, log(float(np.median(s))), max(pull, default=NAN)]
    found += [float(np.mean(np.square(pull))) if pull else NAN, NAN, NAN, NAN, NAN]
    if n >= 2:
        found[1] = t[-1] - t[0]
        mean = np.average(y, weights=s**-2)
        found[5] = log(float(np.sum(((y - mean) / s) ** 2)) / (n - 1))
        found[7] = log(float(y.max() - y.min()))
        found[8] = log(float(np.median(299_792_458.0 * np.abs(np.diff(y)) / (np.diff(t) * 86_400.0))))
    if n >= 3:
        line = np.polyfit(t - t.mean(), y, 1, w=1 / s)
        found[6] = log(float(np.sum(((y - np.polyval(line, t - t.mean())) / s) ** 2)) / (n - 2))
    return found


def epoch(t: float, p: float = 0.005, s: float = 1e-9, a: float = NAN, s_a: float = NAN, dm: float = 20.0) -> Epoch:
    return (t, p, s, a, s_a, dm)


PULLS = ((NAN, NAN), (-3.0, NAN), (NAN, 0.5), (0.0, 0.5), (2.5, 0.5))
shifts = st.floats(-3e-4, 3e-4).filter(lambda x: x == 0.0 or abs(x) > 1e-7)
rows = st.lists(
    st.tuples(st.integers(1, 10_000), shifts, st.floats(1e-8, 1e-5), st.sampled_from(PULLS)),
    max_size=6,
    unique_by=lambda drawn: drawn[0],
)  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(st.lists(rows, min_size=1, max_size=3))
def test_features_are_those_of_the_oracle(
    drawn: list[list[tuple[int, float, float, tuple[float, float]]]],
) -> None:
    table = [[epoch(60_000 + t / 10, 0.005 * (1 + x), 0.005 * s, *pull) for t, x, s, pull in sorted(row)] for row in drawn]
    expected = np.array([oracle(row) for row in table])
    found = features(*table)
    lost = (expected[:, 6] < -6) | (found[:, 6] < -6)  # a perfect line: only rounding is left
    assume(not lost.any())
    np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-4)


def test_the_period_itself_is_no_feature() -> None:
    row = [epoch(60_000, 0.0050001), epoch(60_010, 0.005), epoch(60_011, 0.0049999)]
    slower = [(t, 100 * p, 100 * s, a, s_a, dm) for t, p, s, a, s_a, dm in row]
    one, other = features(row, slower)
    np.testing.assert_allclose(one, other, rtol=1e-5)


def test_harmonics_are_brought_to_the_candidates_own_period() -> None:
    row = [epoch(60_000, 0.0050001), epoch(60_010, 0.005002), epoch(60_011, 0.005)]
    for k in (2, 3, 8):
        mixed = [epoch(60_000, 0.0050001 / k, 1e-9 / k), epoch(60_010, 0.005002 * k, 1e-9 * k), epoch(60_011, 0.005)]
        one, other = features(row, mixed)
        np.testing.assert_allclose(one, other, rtol=1e-4)


@pytest.mark.parametrize(
    ("ratio", "factor"), [(1.0, 1.0), (1.49, 1.0), (2.0, 2.0), (7.9, 8.0), (40.0, 8.0), (0.5, 0.5), (0.01, 0.125)]
)
def test_the_nearest_harmonic_is_chosen(ratio: float, factor: float) -> None:
    assert harmonic(0.01, 0.01 * ratio) == factor


def test_an_epoch_of_something_else_is_left_out() -> None:
    row = [epoch(60_000), epoch(60_010, 0.0050001)]
    other = [epoch(60_000), epoch(60_003, 0.00517), epoch(60_004, dm=30.0), epoch(60_010, 0.0050001)]
    one, three = features(row, other)
    np.testing.assert_array_equal(one, three)
    unknown = [epoch(60_000, dm=NAN), epoch(60_010, 0.0050001)]
    np.testing.assert_array_equal(*features(row, unknown))


def test_one_epoch_says_little_and_none_says_nothing() -> None:
    none, one = features([], [epoch(60_000, a=-3.0, s_a=0.5)])
    assert none[0] == 0.0
    assert np.isnan(none[1:]).all()
    assert one[[0, 3, 4]].tolist() == [1.0, 6.0, 36.0]
    assert np.isnan(one[[1, 5, 6, 7, 8]]).all()


def test_equal_periods_are_no_infinity() -> None:
    assert np.isfinite(features([epoch(60_000), epoch(60_001), epoch(60_002)])[0, 5:]).all()
