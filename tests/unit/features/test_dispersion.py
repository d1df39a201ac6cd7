"""The DM curve against plain Python and against theory."""

import math
from bisect import bisect_left
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.features import dispersion
from tests.unit.features.candidates import Curve, candidates, named, pulse
from tests.unit.features.curves import assert_close

NAN = math.nan
SETUP = {"centre_frequency": 1400.0, "bandwidth": 300.0, "width": 0.01, "dm": 100.0, "period": 0.2}


def features(curve: Curve, **context: float) -> dict[str, float]:
    numbers = {name: [value] for name, value in {**SETUP, **context}.items()}
    [found] = named(dispersion.FAMILY, candidates(dm_curve=[curve], context=numbers))
    return found


def theory(dm: float, centre: float, width_s: float = SETUP["width"]) -> float:
    """Cordes & McLaughlin 2003, equations 12 and 13, for the set-up."""
    zeta = 6.91e-3 * abs(dm - centre) * 300.0 / (1e3 * width_s * 1.4**3)
    return math.sqrt(math.pi) / 2 * math.erf(zeta) / zeta if zeta else 1.0


def curve_of(centre: float, height: float = 20.0, step: float = 0.5, trials: int = 801) -> list[tuple[float, float]]:
    return [(step * i, height * theory(step * i, centre)) for i in range(trials)]


def oracle(curve: Curve) -> dict[str, float] | None:
    """Slowly; None where nothing is defined."""
    trials = sorted(((x, y) for x, y in curve if math.isfinite(x) and math.isfinite(y)), key=lambda trial: trial[0])
    if len(trials) < 3 or trials[0][0] == trials[-1][0]:
        return None
    x, y = [x for x, _ in trials], [y for _, y in trials]
    top = max(y)
    if top <= 0:
        return None
    best = y.index(top)

    def at(dm: float) -> float:
        i = min(max(bisect_left(x, dm), 1), len(x) - 1)
        return y[i] if x[i] == x[i - 1] else y[i - 1] + (y[i] - y[i - 1]) * (dm - x[i - 1]) / (x[i] - x[i - 1])

    def half(side: range) -> float:
        inner = best
        for i in side:
            if y[i] < top / 2:
                return x[inner] + (x[i] - x[inner]) * (y[inner] - top / 2) / (y[inner] - y[i])
            inner = i
        return x[inner]

    found = {"dm_best": x[best], "dm_best_snr": top}
    found["dm_width"] = half(range(best + 1, len(x))) - half(range(best - 1, -1, -1))
    found["dm_zero_ratio"] = at(0.0) / top if x[0] <= 0 <= x[-1] else NAN
    spread = 1.4826 * median(abs(value - median(y)) for value in y)
    found["dm_contrast"] = (top - median(y)) / spread if spread else NAN
    high = [value >= top / 2 for value in y]
    found["dm_share_half"] = sum(high) / len(y)
    found["dm_peaks"] = sum(high[i] and (i == 0 or not high[i - 1]) for i in range(len(y)))
    return found


@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(st.integers(-20, 40).map(float), st.integers(-3, 40).map(float)), max_size=25, unique_by=lambda t: t[0]))
def test_the_curve_is_that_of_the_oracle(curve: list[tuple[float, float]]) -> None:
    found, expected = features(curve), oracle(curve)
    if expected is None:
        assert all(math.isnan(value) for value in found.values())
        return
    for name, value in expected.items():
        assert_close(found[name], value, name, rel=1e-5, absolute=1e-5)
    assert math.isnan(found["dm_asymmetry"]) or -1 <= found["dm_asymmetry"] <= 1


@pytest.mark.parametrize(
    "curve",
    [[], [(1.0, 9.0)], [(1.0, 9.0), (2.0, 3.0)], [(5.0, 1.0)] * 5, [(float(i), 0.0) for i in range(9)],
     [(float(i), -4.0) for i in range(9)], [(NAN, 1.0)] * 9, [(float(i), NAN) for i in range(9)]],
)  # fmt: skip
def test_a_curve_of_nothing_has_no_features(curve: Curve) -> None:
    assert all(math.isnan(value) for value in features(curve).values())


def test_a_dispersed_pulse_is_as_theory_says() -> None:
    found = features(curve_of(100.0))
    assert found["dm_best"] == 100.0
    assert found["dm_width_ratio"] == pytest.approx(0.0, abs=1e-3)
    assert found["dm_theory_share"] == pytest.approx(1.0, abs=1e-6)
    assert found["dm_asymmetry"] == pytest.approx(0.0, abs=1e-3)
    assert found["dm_zero_ratio"] == pytest.approx(theory(0.0, 100.0), rel=1e-4)
    assert features(curve_of(100.0), width=0.05)["dm_width_ratio"] == pytest.approx(-math.log10(5.0), abs=1e-3)


def test_interference_is_strongest_at_dm_zero_and_has_one_side() -> None:
    found = features(curve_of(0.0), dm=0.0)
    assert (found["dm_best"], found["dm_zero_ratio"], found["dm_offset"]) == (0.0, 1.0, 0.0)
    assert math.isnan(found["dm_asymmetry"])


def test_the_side_with_more_area_gives_the_sign() -> None:
    steep = [(float(i), 20.0 - (5.0 * (10 - i) if i < 10 else 0.5 * (i - 10))) for i in range(31)]
    assert features(steep)["dm_asymmetry"] > 0.1
    mirrored = [(30.0 - x, y) for x, y in steep]
    assert features(mirrored)["dm_asymmetry"] == pytest.approx(-features(steep)["dm_asymmetry"], rel=1e-5)


def test_trials_out_of_order_are_sorted_and_unmeasured_ones_left_out() -> None:
    curve = curve_of(100.0, trials=301)
    assert features([*curve[::-1], (3.0, NAN), (math.inf, 1.0)]) == features(curve)


def test_the_offset_is_counted_in_widths() -> None:
    found = features(curve_of(100.0), dm=90.0)
    assert found["dm_offset"] == pytest.approx(10.0 / found["dm_width"], rel=1e-5)
    assert math.isnan(features(curve_of(100.0), dm=NAN)["dm_offset"])


@pytest.mark.parametrize("unknown", ["centre_frequency", "bandwidth", "period"])
def test_without_the_set_up_there_is_no_theory(unknown: str) -> None:
    found = features(curve_of(100.0), **{unknown: NAN, "width": NAN})
    assert math.isnan(found["dm_width_ratio"])
    assert math.isnan(found["dm_theory_share"])
    assert found["dm_best"] == 100.0


def test_a_width_that_is_not_stated_is_the_profiles() -> None:
    numbers = {name: [value] for name, value in {**SETUP, "width": NAN}.items()}
    profile = pulse(256, 0.5, 0.02)
    [found] = named(dispersion.FAMILY, candidates(dm_curve=[curve_of(100.0)], profile=[profile], context=numbers))
    width = 2 * math.sqrt(2 * math.log(2)) * 0.02 * SETUP["period"]
    assert found["dm_width_ratio"] == pytest.approx(features(curve_of(100.0), width=width)["dm_width_ratio"], abs=5e-3)


def test_half_of_the_signal_is_left_at_the_zeta_of_half() -> None:
    assert dispersion.remaining(dispersion.ZETA_OF_HALF) == pytest.approx(0.5, abs=1e-7)
    assert dispersion.remaining(0.0) == pytest.approx(1.0)
