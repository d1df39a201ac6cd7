"""Simulated pulsar candidates from files to tagged files, with the shipped model: nothing but a survey, features and a bundle."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import fastavro
import numpy as np
import pytest
from click.testing import CliRunner

from streamer import config, wiring
from streamer.classify.bundle import LightGBMClassifier
from streamer.cli import main
from streamer.codec.framing import Framing
from streamer.commands.replay import replayed
from streamer.data.batch import State, Why
from streamer.errors import InvalidData
from streamer.features import check_names
from streamer.pipeline import Outcome, Pipeline
from streamer.sources.simulator import simulate
from streamer.stores.bundled import BundledSchemas
from streamer.stores.models import ModelStore
from streamer.training.candidates import htru2
from tests.packets import pulsar_packet, raw_batch

MODEL = "pulsar-candidate-8"
COUNT, SEED, BROKEN = 300, 4, 0.05


def run(*arguments: object) -> str:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def classified(*packets: bytes) -> Outcome:
    classifier = LightGBMClassifier(ModelStore().files(MODEL), check_names)
    return Pipeline(Framing(BundledSchemas()), {"pulsar": classifier}, allow_private=False)(raw_batch(packets))


def records(folder: Path, pattern: str) -> list[dict[str, Any]]:
    found: list[Any] = []
    for file in sorted(folder.glob(pattern)):
        with file.open("rb") as stream:
            found += list(fastavro.reader(stream))
    return found


def test_candidates_are_tagged_and_every_one_is_accounted_for(tmp_path: Path) -> None:
    run("simulate", "--survey", "pulsar", "--count", COUNT, "--seed", SEED, "--broken", BROKEN, "--out", tmp_path / "in")
    balance = json.loads(run("replay", tmp_path / "in", "--out", tmp_path / "out", "--model", MODEL, "--json"))
    truth = {one.alert_id: one for one in simulate("pulsar", COUNT, SEED, BROKEN) if not one.broken}
    tagged, dead = records(tmp_path / "out", "tagged-*.avro"), records(tmp_path / "out", "dead-letters-*.avro")
    assert {tag["alert_id"] for tag in tagged} == set(truth)
    assert balance["classified"] == len(tagged) == COUNT - len(dead)
    assert 0 < len(dead) == sum(balance["rejected"].values()) < COUNT / 5
    for tag in tagged:
        assert (tag["survey"], tag["model"]["name"], tag["n_detections"]) == ("pulsar", MODEL, {})
        assert (tag["object_id"], tag["band"], tag["flux"]) == (truth[tag["alert_id"]].object_id, None, None)
        leaves = {entry["class_name"]: entry["probability"] for entry in tag["classifications"]}
        assert leaves.keys() == {"Pulsar", "Not a pulsar"}
        assert sum(leaves.values()) == pytest.approx(1.0)
    called = Counter(truth[tag["alert_id"]].truth for tag in tagged if tag["class_name"] == "Pulsar")
    assert called["pulsar"] > 5 * called["noise"]


def test_a_candidate_whose_features_are_undefined_has_no_answer() -> None:
    nan = float("nan")
    packets = (
        pulsar_packet([], []),
        pulsar_packet([1.0]),
        pulsar_packet([2.0] * 7),
        pulsar_packet([nan] * 128),
        pulsar_packet(dm_curve=[]),
        pulsar_packet(dm_curve=[3.0]),
        pulsar_packet([-5.0, -1.0, -4.0] * 1365),
        pulsar_packet([0.0, 1.0, nan]),
    )
    found = classified(*packets)
    (part,) = found.scored
    assert part.scores.why == (Why.TOO_FEW_POINTS,) * 6 + (Why.NONE,) * 2
    assert part.scores.state.tolist() == [State.NOT_CLASSIFIED] * 6 + [State.CLASSIFIED] * 2
    assert found.tally.imbalance == 0


def test_an_answer_does_not_depend_on_the_batch() -> None:
    packets = [one.payload for one in simulate("pulsar", 70, 5)]
    (together,) = classified(*packets).scored
    alone = [classified(packet).scored[0].scores.leaves[0] for packet in packets[:5]]
    np.testing.assert_array_equal(together.scores.leaves[:5], np.array(alone))


@pytest.mark.real_data
def test_the_shipped_model_was_made_of_this_table_and_answers_it_as_it_says(real_data: Path) -> None:
    classifier = LightGBMClassifier(ModelStore().files(MODEL), check_names)
    table = htru2.read(real_data)
    assert (len(table), int(table.is_pulsar.sum())) == (17_898, 1_639)
    assert classifier.manifest.data_hash == table.sha256
    found = classifier.scores(table.matrix, np.zeros(len(table), dtype=np.int64))
    said = found.leaves[:, 0] > 0.5
    assert np.mean(said == (table.is_pulsar == 1)) > 0.98
    assert abs(found.leaves[:, 0].mean() - table.is_pulsar.mean()) < 0.005


CATALOGUE = "PSRJ J9999+0000\nRAJ {hours}\nDECJ {dec}\nP0 {period}\nDM {dm}\n@---\n"


def test_a_tag_says_what_else_is_known_of_a_candidate(tmp_path: Path) -> None:
    """The whole way by a configuration: both models of whole packets, the epochs, and a catalogue with one of the pulsars in it."""
    run("simulate", "--survey", "pulsar", "--count", 120, "--seed", SEED, "--out", tmp_path / "in")
    packets = [packet for file in (tmp_path / "in").iterdir() for packet in records(file.parent, file.name)]
    known = next(packet for packet in packets if packet["object_id"])
    place = {"hours": known["ra"] / 15, "dec": known["dec"], "period": 2 * known["p_bary"], "dm": known["dm"]}
    (tmp_path / "psrcat.db").write_text(CATALOGUE.format(**place))
    settings = config.Config(
        source=config.ArchiveSource(kind="archive", paths=(tmp_path / "in",)),
        sink=config.ArchiveSink(kind="archive", folder=tmp_path / "out"),
        model=config.Model(name=("pulsar-candidate", "pulsar-binary")),
        candidates=config.Candidates(catalogue=tmp_path / "psrcat.db"),
        telemetry=config.Telemetry(port=0),
    )
    replayed(settings)
    tags = {tag["alert_id"]: tag for tag in records(tmp_path / "out", "tagged-*.avro")}
    assert len(tags) == len(packets) == 120
    for packet in packets:
        tag = tags[packet["candidate_id"]]
        assert tag["model"]["name"] == "pulsar-candidate"
        leaves = {entry["class_name"]: entry["probability"] for entry in tag["classifications"]}
        assert leaves.keys() == {"Pulsar", "RFI", "Noise"}
        scores = {score["name"]: score for score in tag["scores"]}
        fast = packet["p_bary"] < 0.03
        assert scores["millisecond_pulsar"]["value"] == (leaves["Pulsar"] if fast else 0.0)
        assert scores["rfi_if_no_pulsar"]["basis"] == "SIMULATED"
        assert scores["millisecond_pulsar"]["basis"] == "MIXED"
        epochs = 1 + len(packet["prv_epochs"] or ())
        assert ("binary_probability" in scores) == (epochs >= 2)
        if epochs >= 2:
            assert (scores["binary_probability"]["epochs"], scores["binary_probability"]["basis"]) == (epochs, "SIMULATED")
        match = tag["known_object"]
        assert (match is not None) == (packet["candidate_id"] == known["candidate_id"])
    match = tags[known["candidate_id"]]["known_object"]
    assert (match["catalogue"], match["name"], match["harmonic"]) == ("psrcat.db", "J9999+0000", "1/2")


def test_a_catalogue_that_is_none_stops_the_service_before_it_begins(tmp_path: Path) -> None:
    (tmp_path / "psrcat.db").write_text("nothing")
    with pytest.raises(InvalidData, match=r"psrcat\.db"):
        wiring.catalogues(config.Candidates(catalogue=tmp_path / "psrcat.db"))
