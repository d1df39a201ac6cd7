"""What every family of features promises."""

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.data.arrays import Float32s
from streamer.data.batch import AlertBatch
from streamer.data.photometry import BANDS, Kind
from streamer.data.ragged import Ragged
from streamer.errors import InvalidBundle
from streamer.features import FAMILIES, compute, families_of, features_of
from streamer.features.feature import Family
from streamer.features.points import Points, points_by_alert, points_by_band
from tests.builders import alert_batch
from tests.unit.features.curves import light_curves

ALL_KINDS = (0, 0, 0, 1, 2)
SURVEYS = (("g", "r", "i"), BANDS, ("r",), ())
EDGES: tuple[Mapping[str, Any], ...] = (
    {},
    {"epoch": [60_000.0], "flux": [100.0]},
    {"epoch": [60_000.0, 60_001.0], "flux": [0.0, 0.0]},
    {"epoch": [60_000.0] * 3, "flux": [1.0, 2.0, 3.0], "band": ["g", "r", "i"]},
    {"epoch": np.arange(60_000.0, 60_020.0), "flux": np.full(20, np.nan), "flux_err": np.nan},
    {"epoch": np.arange(60_000.0, 60_020.0), "flux": np.full(20, 7.5)},
    {"epoch": np.arange(60_000.0, 60_020.0), "flux": np.resize([np.inf, -np.inf, 1.0, 2.0], 20)},
    {"epoch": np.arange(60_000.0, 60_020.0), "flux": np.resize([3e38, -3e38, 1e-45, 0.0], 20), "flux_err": 1e-45},
    {"epoch": np.arange(60_000.0, 60_020.0), "flux": np.arange(20.0), "flux_err": np.resize([1e-45, 3e38], 20), "total": 3e38},
    {"epoch": np.full(20, np.inf), "flux": np.arange(20.0)},
    {"epoch": np.arange(60_000.0, 60_020.0), "flux": np.nan, "kind": 2},
    {"epoch": np.arange(60_000.0, 60_020.0), "flux": np.arange(20.0), "kind": 1},
    {
        "epoch": 60_000.0 + np.cumsum(np.full(5_000, 0.07)),
        "flux": np.sin(np.arange(5_000)) * 100,
        "band": np.resize([1, 2, 3], 5_000),
    },
)

families = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
batches = st.lists(light_curves(kinds=ALL_KINDS, bands=("g", "r", "i"), broken=True), max_size=4)


def checked(family: Family, alerts: AlertBatch) -> Float32s:
    """What the family gives, after the promises that hold for every batch."""
    matrix = family.compute(alerts)
    assert matrix.dtype == np.float32
    assert matrix.shape == (len(alerts), len(family.outputs(alerts.bands)))
    assert not np.isinf(matrix).any()
    return matrix


def test_the_suite_counts_its_cases() -> None:
    assert [family.name for family in FAMILIES] == [
        "trigger", "context", "sampling", "statistics", "distribution", "shape", "colour", "evolution", "supernova", "timescales",
        "autoregression", "limits", "forced", "periodicity", "profile", "orbit",
        "pulse", "dispersion", "subints", "subbands", "fold",
    ]  # fmt: skip
    distinct = {feature.meaning.partition(" Band")[0] + feature.source for feature in features_of(("g", "r", "i"))}
    assert len(distinct) >= 90


@families
@pytest.mark.parametrize("bands", SURVEYS, ids=lambda bands: "".join(bands) or "none")
def test_features_are_documented_and_named_legally(family: Family, bands: tuple[str, ...]) -> None:
    for feature in family.outputs(bands):
        assert re.fullmatch(r"[a-z][a-z0-9_]*", feature.name)
        assert feature.unit
        assert feature.meaning.endswith(".")
        assert feature.undefined
        assert feature.source


@pytest.mark.parametrize("bands", SURVEYS, ids=lambda bands: "".join(bands) or "none")
def test_names_are_unique_over_all_families(bands: tuple[str, ...]) -> None:
    names = [feature.name for feature in features_of(bands)]
    assert len(set(names)) == len(names)
    assert not {"ra", "dec", "epoch", "mjd", "field", "alert_id", "object_id"} & set(names)


@families
@pytest.mark.parametrize("bands", SURVEYS, ids=lambda bands: "".join(bands) or "none")
@pytest.mark.parametrize("edge", range(len(EDGES)))
def test_edge_rows_give_finite_numbers_or_nan(family: Family, edge: int, bands: tuple[str, ...]) -> None:
    checked(family, alert_batch([EDGES[edge]], bands=bands))


@families
def test_an_empty_batch_gives_no_rows(family: Family) -> None:
    checked(family, alert_batch([]))


@families
@settings(deadline=None)
@given(curves=batches)
def test_a_batch_gives_what_its_alerts_give_one_by_one(family: Family, curves: list[dict[str, Any]]) -> None:
    alerts = alert_batch([*curves, EDGES[6], EDGES[0]])
    alone = [family.compute(alerts.take(np.array([i]))) for i in range(len(alerts))]
    np.testing.assert_array_equal(checked(family, alerts), np.concatenate(alone))


@families
@settings(deadline=None)
@given(curves=batches, bands=st.sampled_from([bands for bands in SURVEYS if bands]), data=st.data())
def test_what_else_is_asked_for_changes_no_feature(
    family: Family, curves: list[dict[str, Any]], bands: tuple[str, ...], data: st.DataObject
) -> None:
    bands = bands if family.reads == "light_curves" else ()
    alerts = alert_batch([*curves, EDGES[-1]], bands=bands)
    names = [feature.name for feature in family.outputs(bands)]
    wanted = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True)) if names else []
    everything = checked(family, alerts)
    np.testing.assert_array_equal(compute(alerts, wanted), everything[:, [names.index(name) for name in wanted]])


@families
@settings(deadline=None)
@given(curves=batches, days=st.floats(0.0, 40.0))
def test_cutting_the_future_changes_nothing(family: Family, curves: list[dict[str, Any]], days: float) -> None:
    epoch = np.full(len(curves), 60_000.0 + days)
    alerts = alert_batch(curves, epoch=epoch)
    past = alerts.light_curves["epoch"] <= 60_000.0 + days
    cut = replace(alerts, light_curves=alerts.light_curves.where(past))
    np.testing.assert_array_equal(checked(family, alerts), checked(family, cut))


@families
@settings(deadline=None)
@given(curves=batches, days=st.integers(-3_000, 3_000))
def test_absolute_time_and_place_do_not_matter(family: Family, curves: list[dict[str, Any]], days: int) -> None:
    alerts = alert_batch(curves)
    columns = {**alerts.light_curves.columns, "epoch": alerts.light_curves["epoch"] + days}
    curves_then = Ragged(alerts.light_curves.offsets, columns)
    moved = replace(alerts, light_curves=curves_then, epoch=alerts.epoch + days, ra=alerts.ra + 9.0, dec=-alerts.dec)
    np.testing.assert_array_equal(checked(family, moved), checked(family, alerts))


@families
@settings(max_examples=10)
@given(batches)
def test_a_family_leaves_the_points_that_all_share_as_they_are(family: Family, curves: list[dict[str, Any]]) -> None:
    alerts, untouched = alert_batch(curves), alert_batch(curves)
    family.compute(alerts)
    for kind in Kind:
        for of in (points_by_band, points_by_alert):
            for column in fields(Points):
                ours, theirs = getattr(of(alerts, kind), column.name), getattr(of(untouched, kind), column.name)
                np.testing.assert_array_equal(ours, theirs, err_msg=column.name)
    assert len(alerts.take(np.arange(len(alerts))).shared) == len(replace(alerts).shared) == 0


def test_columns_come_in_the_order_of_the_names() -> None:
    alerts = alert_batch([EDGES[12], EDGES[3]])
    names = [feature.name for feature in features_of(alerts.bands)]
    whole = compute(alerts, names)
    np.testing.assert_array_equal(whole, np.concatenate([family.compute(alerts) for family in families_of(alerts.bands)], axis=1))
    np.testing.assert_array_equal(compute(alerts, names[::-3]), whole[:, ::-3])
    assert compute(alerts, []).shape == (2, 0)


def test_a_family_belongs_to_surveys_with_light_curves_or_to_those_without_bands() -> None:
    with_bands, without = families_of(("g", "r")), families_of(())
    assert set(with_bands) | set(without) == set(FAMILIES)
    assert not set(with_bands) & set(without)
    optical = alert_batch([EDGES[12], EDGES[3]])
    for family in without:
        assert np.isnan(checked(family, optical)).all()


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidBundle, match=r"skew_u.*known are.*skew_g"):
        compute(alert_batch([{}]), ["skew_g", "skew_u"])
