"""ZTF packets to alerts: signs, fluxes, placeholders, limits, forced photometry, and the policies."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.codec.framing import Framing
from streamer.data.batch import AlertBatch, Rejections, Why
from streamer.data.photometry import BANDS, Kind, flux_from_magnitude, mjd_tai_from_jd_utc
from streamer.errors import Reason
from streamer.pipeline import Outcome, Pipeline
from streamer.stores.schemas import NoSchemas
from tests.packets import ZTF, container, raw_batch, with_floats, ztf_forced, ztf_packet, ztf_point, ztf_record


def outcome(*packets: bytes, allow_private: bool = False) -> Outcome:
    return Pipeline(Framing(NoSchemas()), {}, allow_private=allow_private)(raw_batch(packets))


def alerts(*packets: bytes) -> AlertBatch:
    result = outcome(*packets)
    assert not len(result.rejections), result.rejections.detail
    return result.scored[0].alerts


def rejections(*packets: bytes) -> Rejections:
    return outcome(*packets).rejections


def curve(*args: Any, **candidate: Any) -> dict[str, Any]:
    return alerts(ztf_packet(*args, **candidate)).light_curves.row(0)


FLUX_18 = float(flux_from_magnitude(np.array([18.0]))[0])


@pytest.mark.parametrize(("isdiffpos", "sign"), [("t", 1), ("1", 1), ("f", -1), ("0", -1), ("?", np.nan)])
def test_the_sign_of_the_flux_is_isdiffpos(isdiffpos: str, sign: float) -> None:
    alert = alerts(ztf_packet(isdiffpos=isdiffpos))
    assert alert.flux[0] == pytest.approx(sign * FLUX_18, rel=1e-5, nan_ok=True)
    assert alert.light_curves.lengths.tolist() == [0 if np.isnan(sign) else 1]


def test_the_total_flux_includes_a_reference_that_is_the_object() -> None:
    near = curve(distnr=1.0, magnr=18.0)["total"][0]
    assert near == pytest.approx(2 * FLUX_18, rel=1e-5)
    assert curve(distnr=1.0, magnr=18.0, isdiffpos="f")["total"][0] == pytest.approx(0.0, abs=1.0)
    assert np.isnan(curve(distnr=2.0, magnr=18.0)["total"][0])
    assert np.isnan(curve(distnr=1.0, magnr=-999.0)["total"][0])
    assert np.isnan(curve(distnr=-999.0, magnr=18.0)["total"][0])
    assert np.isnan(curve(distnr=None, magnr=None)["total"][0])


def test_a_point_without_magnitude_is_a_limit_of_one_fifth_of_the_depth() -> None:
    points = curve([ztf_point(magpsf=None, sigmapsf=None, isdiffpos=None, diffmaglim=20.0)])
    assert points["kind"].tolist() == [Kind.LIMIT, Kind.DETECTION]
    assert points["flux_err"][0] == pytest.approx(flux_from_magnitude(np.array([20.0]))[0] / 5, rel=1e-5)
    assert np.isnan(points["flux"][0])


@pytest.mark.parametrize("placeholder", [-99.0, -999.0, None])
def test_placeholders_are_nan(placeholder: float | None) -> None:
    context = alerts(ztf_packet(sgscore1=placeholder, distpsnr1=placeholder, sgmag1=placeholder, drb=placeholder)).context
    assert np.isnan([context["star_galaxy"][0], context["nearest_source_distance"][0], context["ps1_g_r"][0]]).all()
    assert context["real_bogus"][0] == pytest.approx(0.5)
    assert len(curve([ztf_point(sigmapsf=placeholder)])["epoch"]) == 1


def context_of(**candidate: Any) -> dict[str, float]:
    """The context of a packet whose schema has all these fields."""
    further = sorted(candidate.keys() - {"sgscore1", "distpsnr1"})
    packet = container(with_floats(ZTF.tree, "candidate", further), [ztf_record(**candidate)])
    return {name: float(column[0]) for name, column in alerts(packet).context.items()}


def test_the_nearest_galaxy_is_not_the_nearest_source_if_that_is_a_star() -> None:
    neighbours = {"sgscore1": 0.9, "distpsnr1": 1.0, "sgscore2": 0.5, "distpsnr2": 3.0, "sgscore3": 0.1}
    assert context_of(**neighbours, distpsnr3=8.0)["galaxy_distance"] == 8.0
    assert np.isnan(context_of(**neighbours, distpsnr3=-999.0)["galaxy_distance"])
    assert np.isnan(context_of()["galaxy_distance"])


def test_the_aperture_ratio_is_one_for_equal_magnitudes_and_larger_for_a_brighter_aperture() -> None:
    ratios = [context_of(magap=magap)["aperture_ratio"] for magap in (18.0, 17.0, -999.0)]
    np.testing.assert_allclose(ratios, [1.0, 10**0.4, np.nan], rtol=1e-5)


def test_forced_counts_become_njy_by_their_zero_point() -> None:
    points = curve([], [ztf_forced(), ztf_forced(jd=2_460_001.0, magzpsci=31.4, forcediffimflux=-7.0)])
    assert points["kind"].tolist() == [Kind.FORCED, Kind.FORCED, Kind.DETECTION]
    assert points["flux"][:2].tolist() == pytest.approx([1000.0, -7.0], rel=1e-5)
    assert points["flux_err"][:2].tolist() == pytest.approx([100.0, 10.0], rel=1e-5)


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({"procstatus": "0"}, True),
        ({"procstatus": "57"}, True),
        ({"procstatus": "0,57"}, True),
        ({"procstatus": None}, True),
        ({"procstatus": "56"}, False),
        ({"procstatus": "57,61"}, False),
        ({"forcediffimflux": -99999.0}, False),
        ({"forcediffimfluxunc": -99999.0}, False),
        ({"magzpsci": None}, False),
        ({"forcediffimflux": float("nan")}, False),
        ({"fid": 9}, False),
    ],
)
def test_forced_photometry_with_a_bad_status_is_masked(change: dict[str, Any], kept: bool) -> None:
    assert (Kind.FORCED in curve([], [ztf_forced(**change)])["kind"]) is kept


def test_points_are_ordered_and_repeated_ones_dropped() -> None:
    history = [
        ztf_point(jd=2_460_003.0),
        ztf_point(jd=2_460_001.0),
        ztf_point(jd=2_460_003.0, magpsf=15.0),
        ztf_point(jd=2_460_010.0),
    ]
    points = curve(history)
    assert np.diff(points["epoch"]).tolist() == pytest.approx([2.0, 7.0])
    assert points["flux"].tolist() == pytest.approx([FLUX_18] * 3, rel=1e-5)


def test_bands_times_ids_and_night_are_brought_to_our_conventions() -> None:
    alert = alerts(ztf_packet(jd=2_460_000.4, fid=1), ztf_packet(jd=2_460_000.6, fid=3))
    assert [BANDS[band] for band in alert.band] == ["g", "i"]
    assert alert.epoch.tolist() == mjd_tai_from_jd_utc(np.array([2_460_000.4, 2_460_000.6])).tolist()
    assert alert.night.tolist() == [b"20230224", b"20230225"]  # the date changes at noon of the Julian day
    assert alert.key.tolist() == [b"ZTF:ZTF18aaaaaaa"] * 2
    assert alert.alert_id.tolist() == [7, 7]


@given(
    st.lists(st.floats(2_460_000.0, 2_460_010.0), max_size=6),
    st.lists(st.floats(2_460_010.001, 2_460_030.0), max_size=4),
)
def test_points_later_than_the_alert_change_nothing(past: list[float], future: list[float]) -> None:
    without = curve([ztf_point(jd=jd) for jd in past], [ztf_forced(jd=jd) for jd in past])
    later = past + future
    with_future = curve([ztf_point(jd=jd) for jd in later], [ztf_forced(jd=jd) for jd in later])
    for name, column in without.items():
        np.testing.assert_array_equal(column, with_future[name])


floats = st.none() | st.floats(width=32) | st.sampled_from([-999.0, -99999.0])


@given(st.lists(floats, min_size=4, max_size=4), st.lists(floats, min_size=4, max_size=4), st.floats(), st.floats())
def test_nan_and_infinity_anywhere_leave_only_measured_points(
    history: list[float | None], forced: list[float | None], jd: float, distance: float
) -> None:
    one = dict(zip(("magpsf", "sigmapsf", "diffmaglim", "magnr"), history, strict=True))
    other = dict(zip(("forcediffimflux", "forcediffimfluxunc", "magzpsci", "magnr"), forced, strict=True))
    packet = ztf_packet([ztf_point(**one), ztf_point(jd=jd)], [ztf_forced(**other)], ssdistnr=distance, distnr=distance, drb=jd)
    points = alerts(packet).light_curves
    assert np.isfinite(points["epoch"]).all()
    assert (np.isfinite(points["flux_err"]) & (points["flux_err"] > 0)).all()
    assert np.isfinite(points["flux"][points["kind"] != Kind.LIMIT]).all()


def test_a_history_of_5000_points_and_none_at_all() -> None:
    history = [ztf_point(jd=2_460_000.0 + i / 1000) for i in range(5000)]
    assert alerts(ztf_packet(history)).light_curves.lengths.tolist() == [5001]
    assert alerts(ztf_packet(None, None)).light_curves.lengths.tolist() == [1]


@pytest.mark.parametrize("change", [{"ra": float("nan")}, {"ra": -1.0}, {"dec": 91.0}, {"jd": float("inf")}])
def test_an_alert_without_place_or_time_is_an_invalid_value(change: dict[str, float]) -> None:
    rejected = rejections(ztf_packet(**change))
    assert rejected.reason == (Reason.INVALID_VALUE,)


def test_a_low_real_bogus_score_drops_nothing() -> None:
    alert = alerts(ztf_packet(drb=0.0), ztf_packet(drb=None, rb=0.01))
    assert alert.context["real_bogus"].tolist() == pytest.approx([0.0, 0.01])


@pytest.mark.parametrize(("distance", "is_body"), [(0.0, True), (4.9, True), (5.1, False), (-999.0, False), (None, False)])
def test_an_alert_near_a_known_body_is_of_the_solar_system(distance: float | None, is_body: bool) -> None:
    result = outcome(ztf_packet(ssdistnr=distance))
    assert result.scored[0].scores.why == (Why.SOLAR_SYSTEM if is_body else Why.NO_MODEL,)


def test_private_alerts_are_rejected_unless_allowed_and_always_counted() -> None:
    packets = [ztf_packet(programid=number) for number in (1, 2, 3)]
    closed, opened = outcome(*packets), outcome(*packets, allow_private=True)
    assert closed.rejections.reason == (Reason.PRIVATE, Reason.PRIVATE)
    assert opened.scored[0].alerts.public.tolist() == [True, False, False]
    assert closed.tally.private == opened.tally.private == {"ztf": 2}
