"""The readers of training data over the real files, and training against serving: the same packet, the same features."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from streamer import features
from streamer.classify import taxonomy
from streamer.commands.classify import loaded
from streamer.data.batch import AlertBatch
from streamer.data.photometry import Kind, codes_of_bands, magnitude_from_flux
from streamer.data.ragged import Ragged
from streamer.features import context
from streamer.stores.models import PACKAGED
from streamer.training.benchmarks.rest_frame import distance_modulus
from streamer.training.candidates import htru2
from streamer.training.datasets import LightCurves, joined, labelled
from streamer.training.evaluate import evaluate
from streamer.training.feature_rows import classified_rows
from streamer.training.fit import inputs_of
from streamer.training.latitude import galactic_latitude
from streamer.training.recipe import RECIPES, read_recipe
from streamer.training.sources import READERS, ztf_bts, ztf_packets
from streamer.training.windows import Picks, alerts_of, ladder_picks
from tests.real.test_features import FOLDERS, real_alerts

OBJECTS = {
    "ztf_bts_alert_photometry": 2141, "ztf_alert_packet_lightcurves": 1854, "plasticc_train": 5515, "ztf_dr_amateur_variables": 31,
    "ztf_dr_field_zr400": 600, "asas_richards_training": 558, "crts_drake2014_periodic": 2522, "eros_ramp_variable_stars": 2583,
    "ogle2_microlensing": 214, "rrlyrae_sdss_s82": 344, "qso_tdss_rqs_sdss_ps1": 3000, "slsn_i_catalog": 177, "tde_otter": 164,
    "osc_sne_2010_2014": 966, "pantheonplus_snia": 1933,
}  # fmt: skip
LABELLED = {
    "ztf_bts_alert_photometry": 2137, "ztf_alert_packet_lightcurves": 530, "plasticc_train": 5515, "ztf_dr_amateur_variables": 19,
    "ztf_dr_field_zr400": 0, "asas_richards_training": 530, "crts_drake2014_periodic": 2468, "eros_ramp_variable_stars": 2583,
    "ogle2_microlensing": 214, "rrlyrae_sdss_s82": 344, "qso_tdss_rqs_sdss_ps1": 3000, "slsn_i_catalog": 173, "tde_otter": 74,
    "osc_sne_2010_2014": 855, "pantheonplus_snia": 1098,
}  # fmt: skip
BRIGHTNESS = {
    "ztf_dr_amateur_variables": 15.1, "ztf_dr_field_zr400": 20.2, "asas_richards_training": 11.3, "crts_drake2014_periodic": 15.8,
    "eros_ramp_variable_stars": 18.9, "ogle2_microlensing": 18.1, "rrlyrae_sdss_s82": 17.6, "qso_tdss_rqs_sdss_ps1": 19.2,
    "slsn_i_catalog": 19.6, "tde_otter": 19.7, "osc_sne_2010_2014": 18.8, "pantheonplus_snia": 22.0,
    "ztf_bts_alert_photometry": 18.9, "ztf_alert_packet_lightcurves": 18.7, "plasticc_train": 22.6,
}  # fmt: skip
"""AB magnitude of the median positive detection; a wrong unit or zero point is off by more than what is allowed."""


@pytest.mark.real_data
def test_distances_are_those_that_plasticc_prints_for_its_hosts(real_data: Path) -> None:
    """Its redshifts have three decimals; near by, that is a few hundredths of a magnitude."""
    printed = pd.read_csv(real_data / "lightcurves" / "plasticc_train" / "metadata.csv.gz")
    found = distance_modulus(printed["hostgal_photoz"].to_numpy())
    far = (printed["hostgal_photoz"] > 0.1).to_numpy()
    np.testing.assert_allclose(found[far], printed["distmod"][far], atol=0.02)
    assert abs(np.median(found[far] - printed["distmod"][far])) < 1e-4
    assert np.isnan(found[printed["distmod"] < 0]).all()


@pytest.mark.real_data
def test_galactic_latitudes_are_those_that_the_survey_prints(real_data: Path) -> None:
    read = ztf_bts.read(real_data)
    printed = pd.read_csv(real_data / "lightcurves" / "ztf_bts_alert_photometry" / "labels.csv")["b"]
    assert read.position is not None
    np.testing.assert_allclose(galactic_latitude(read.position), printed, atol=1e-3)


@pytest.mark.real_data
@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.origin.name)
def test_every_object_is_read_and_what_has_no_label_is_known(real_data: Path, reader: object) -> None:
    read = next(one for one in READERS if one is reader).read(real_data)
    name = read.source[0]
    lost = sum(entry.count for entry in read.dropped if entry.what == "objects")
    assert len(read) + lost == OBJECTS[name]
    assert (read.label != "").sum() == LABELLED[name]
    assert set(read.label.tolist()) <= {leaf.name for leaf in taxonomy.LEAVES} | {""}
    assert not [entry for entry in read.dropped if entry.what == "labels"], "a label that no table knows"
    curves = read.curves
    assert np.isfinite(curves["epoch"]).all()
    assert ((curves["epoch"] > 48_000) & (curves["epoch"] < 62_000)).all()
    assert (curves["flux_err"] > 0).all()
    seen = curves["flux"][(curves["kind"] == Kind.DETECTION) & (curves["flux"] > 0)]
    assert magnitude_from_flux(np.median(seen)) == pytest.approx(BRIGHTNESS[name], abs=0.15)
    assert set(curves["band"].tolist()) <= set(codes_of_bands(read.bands))
    assert np.isfinite(curves["flux"]).sum() == (curves["kind"] != Kind.LIMIT).sum()
    same_object = np.diff(curves.rows) == 0
    assert (np.diff(curves["epoch"])[same_object] >= 0).all()


@pytest.mark.real_data
def test_an_object_of_both_ztf_sets_counts_once_and_all_that_is_left_out_is_counted(real_data: Path) -> None:
    parts = [ztf_bts.read(real_data), ztf_packets.read(real_data)]
    both = labelled(joined(parts), min_objects=8)
    left_out = Counter(entry.reason for entry in both.dropped if entry.what == "objects")
    dropped = sum(entry.count for entry in both.dropped if entry.what == "objects")
    assert len(both) + dropped == sum(map(len, parts))
    assert len(set(both.group.tolist())) == len(both)
    assert "in an earlier data set" in left_out
    assert {"CEP", "DSCT"}.isdisjoint(both.label.tolist())


@pytest.mark.real_data
@pytest.mark.parametrize("survey", FOLDERS)
def test_inputs_of_the_shipped_models_need_only_what_training_had(real_data: Path, survey: str) -> None:
    """Limits, forced photometry, total flux and context are in packets but not in all training sets; they may change nothing."""
    _, recipe = read_recipe(RECIPES / f"variability-{survey}.toml")
    for alerts in real_alerts(real_data / FOLDERS[survey], real_data / "lsst_alerts" / "schemas"):
        names = inputs_of(recipe, alerts.bands)
        np.testing.assert_array_equal(features.compute(alerts, names), features.compute(bare(alerts), names))


@pytest.mark.real_data
def test_no_example_has_a_window_that_was_cut_off(real_data: Path) -> None:
    """Of an object known from one collected packet, its trigger is the only example: that packet shows no other whole window."""
    table = ztf_packets.read(real_data)
    sources = pd.read_parquet(
        real_data / "lightcurves" / ztf_packets.ORIGIN.name / "lightcurves.parquet", columns=["objectId", "src"]
    )
    packets = sources[sources["src"] == "packet"].groupby("objectId").size()
    of_one_packet = np.isin(table.object_id, packets[packets == 1].index.to_numpy(dtype=np.str_))
    assert of_one_packet.sum() > 1500
    picks = ladder_picks(table.take(np.flatnonzero(of_one_packet)))
    assert np.bincount(picks.row).max() == 1
    picks = ladder_picks(table)
    assert set(picks.row.tolist()) >= set(np.flatnonzero(np.isin(table.object_id, packets.index.to_numpy(dtype=np.str_))).tolist())


@pytest.mark.real_data
def test_real_packets_give_in_service_the_very_features_of_training(real_data: Path) -> None:
    """The same packet's points through the survey's adapter and through the training table.

    The table joins the packets of an object: it may know more points than one packet, and of a point that two packets give with
    different values it has one.
    """
    _, recipe = read_recipe(RECIPES / "variability-ztf.toml")
    table = ztf_packets.read(real_data)
    compared = remeasured = 0
    for alerts in real_alerts(real_data / FOLDERS["ztf"], real_data / "lsst_alerts" / "schemas"):
        names = inputs_of(recipe, alerts.bands)
        served, picks = matched(alerts, table)
        assert table.curves["complete"][picks.point].all(), "the trigger of a collected packet has its whole window"
        served, trained = bare(served), alerts_of(table, picks)
        pairs = [(served.light_curves.row(i), trained.light_curves.row(i)) for i in range(len(picks))]
        same_points = np.array([np.array_equal(one["epoch"], two["epoch"]) for one, two in pairs], dtype=np.bool_)
        same_values = np.array([np.array_equal(one["flux"], two["flux"]) for one, two in pairs], dtype=np.bool_)
        rows = np.flatnonzero(same_points & same_values)
        compared += len(rows)
        remeasured += int(np.count_nonzero(same_points & ~same_values))
        np.testing.assert_array_equal(features.compute(served.take(rows), names), features.compute(trained.take(rows), names))
    assert compared > 200
    assert remeasured <= 0.02 * compared


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["variability-ztf", "variability-ztf-context", "variability-lsst"])
def test_shipped_models_score_today_what_their_reports_say(real_data: Path, name: str) -> None:
    """Fails when a feature, a reader or the scoring changed so much that the model must be trained again."""
    result = evaluate(name, real_data)
    stored = json.loads((PACKAGED / name / "evaluation.json").read_text(encoding="utf-8"))
    assert result["same_data"] is True
    today = json.loads(json.dumps(result["held_out"]))["overall"]
    for figure in ("accuracy", "macro_f1"):
        assert today[figure]["value"] == pytest.approx(stored["held_out"]["overall"][figure]["value"], abs=0.005)
    assert result["real_packets"] == stored["real_packets"]
    assert (PACKAGED / name / "recipe.toml").read_bytes() == (RECIPES / f"{name}.toml").read_bytes()


def bare(alerts: AlertBatch) -> AlertBatch:
    """The alerts with nothing but the difference flux of their detections."""
    curves = alerts.light_curves.where(alerts.light_curves["kind"] == Kind.DETECTION)
    total = np.full(len(curves["total"]), np.nan, dtype=np.float32)
    return replace(alerts, light_curves=Ragged(curves.offsets, {**curves.columns, "total": total}), context={}, series={})


def matched(alerts: AlertBatch, table: LightCurves) -> tuple[AlertBatch, Picks]:
    """The alerts whose triggering detection is in the table of light curves, and where it is."""
    place = {name: row for row, name in enumerate(table.object_id.tolist())}
    found = []
    for i, name in enumerate(alerts.object_id.tolist()):
        row = place.get(name.decode())
        if row is not None:
            start, end = table.curves.offsets[row : row + 2]
            points = np.flatnonzero(
                (table.curves["epoch"][start:end] == alerts.epoch[i]) & (table.curves["kind"][start:end] == Kind.DETECTION)
            )
            found += [(i, row, start + point) for point in points[:1]]
    rows = np.array(found, dtype=np.int64).reshape(len(found), 3)
    return alerts.take(rows[:, 0]), Picks(rows[:, 1], rows[:, 2])


@pytest.mark.real_data
def test_context_and_total_flux_of_real_packets_are_those_of_the_service(real_data: Path) -> None:
    _, recipe = read_recipe(RECIPES / "variability-ztf-context.toml")
    names = [name for name in inputs_of(recipe, ztf_bts.ZTF_BANDS) if "total" in name or name == "trigger_amplitude"]
    names += [feature.name for feature in context.FEATURES]
    table = ztf_packets.read(real_data)
    assert table.context is not None
    assert (table.context.lengths > 0).mean() > 0.9
    compared = reissued = 0
    for alerts in real_alerts(real_data / FOLDERS["ztf"], real_data / "lsst_alerts" / "schemas"):
        served, picks = matched(alerts, table)
        trained = alerts_of(table, picks, "stream", "all")
        assert set(served.context) == set(trained.context)
        pairs = zip(features.compute(trained, names), features.compute(served, names), strict=True)
        same = [np.array_equal(one, two, equal_nan=True) for one, two in pairs]
        compared += len(picks)
        reissued += same.count(False)
    assert compared > 300
    assert reissued <= 0.02 * compared, "a few alerts were collected twice, from different processings"


@pytest.mark.real_data
def test_htru2_as_it_circulates_is_scored_like_its_features_under_their_right_names(real_data: Path) -> None:
    model = loaded("pulsar-candidate-8")
    answers = classified_rows(real_data / htru2.FILE, model)
    table = htru2.read(real_data)
    expected = model.scores(table.matrix, np.zeros(len(table), dtype=np.int64))
    np.testing.assert_array_equal(answers.scores.leaves, expected.leaves)
    assert "swapped" in answers.notes[0]
    found = answers.scores.leaves[:, 0] > 0.5
    assert (found == table.is_pulsar).mean() > 0.97
