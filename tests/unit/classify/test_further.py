"""Further questions: a second model by number of epochs, the millisecond flag, and interference among what is no pulsar."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from streamer.classify.bundle import LightGBMClassifier
from streamer.classify.classifier import unasked
from streamer.classify.further import InterferenceQuestion, MillisecondQuestion, ModelQuestion, questions_of
from streamer.classify.taxonomy import Class, by_name
from streamer.data.arrays import Float32s, Float64s
from streamer.data.batch import Basis, Scores, Why
from streamer.features import check_names, orbit
from streamer.stores.models import ModelStore
from tests.builders import alert_batch

THREE = tuple(by_name(name) for name in ("Pulsar", "RFI", "Noise"))
TWO = (by_name("Pulsar"), by_name("Not a pulsar"))
NOTHING: Float32s = np.zeros((3, 0), dtype=np.float32)


@dataclass(frozen=True)
class Classes:
    """As much of a classifier as the questions look at."""

    leaves: tuple[Class, ...]


def asked(question: Any, leaves: tuple[Class, ...] | None, probabilities: list[list[float]], periods: list[float]) -> Any:
    alerts = alert_batch([{}] * len(periods), survey="pulsar", bands=(), context={"period": periods})
    scores = unasked(len(periods), Why.NO_MODEL, len(leaves or ()))
    if leaves is not None:
        scores = Scores(scores.state, scores.why, scores.class_id, np.array(probabilities))
    return question.answer(alerts, NOTHING, scores, None if leaves is None else Classes(leaves))


def test_a_millisecond_pulsar_is_a_pulsar_that_turns_fast() -> None:
    score = asked(MillisecondQuestion("MIXED"), TWO, [[0.8, 0.2], [0.8, 0.2], [np.nan, np.nan]], [0.005, 0.5, 0.5])
    np.testing.assert_array_equal(score.value, [0.8, 0.0, np.nan])
    assert (score.name, score.basis, score.epochs) == ("millisecond_pulsar", Basis.MIXED, None)


def test_interference_is_told_from_noise_whatever_the_pulsars_share() -> None:
    score = asked(InterferenceQuestion(), THREE, [[0.5, 0.4, 0.1], [0.0, 0.8, 0.2], [1.0, 0.0, 0.0]], [1.0, 1.0, 1.0])
    np.testing.assert_allclose(score.value, [0.8, 0.8, 0.0])
    assert score.basis is Basis.SIMULATED


@pytest.mark.parametrize("question", [MillisecondQuestion("REAL"), InterferenceQuestion()])
def test_without_a_model_that_knows_it_there_is_no_score(question: Any) -> None:
    score = asked(question, None, [], [0.001])
    assert np.isnan(score.value).all()


def test_a_classifier_answers_what_its_leaves_allow() -> None:
    assert [type(each) for each in questions_of(TWO, "REAL")] == [MillisecondQuestion]
    assert [type(each) for each in questions_of(THREE, "MIXED")] == [MillisecondQuestion, InterferenceQuestion]
    assert questions_of((by_name("SNIa"), by_name("AGN")), "REAL") == ()


def epochs_matrix(*rows: list[float]) -> Float32s:
    """Features of epochs (MJD, relative shift of a 5 ms period known to 1e-8)."""
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    shift = np.array([value for row in rows for value in row])
    time = np.asarray(60_000.0 + np.arange(len(shift)) * 1.3, dtype=np.float64)
    period: Float64s = np.asarray(0.005 * (1.0 + shift), dtype=np.float64)
    nothing = np.full(len(shift), np.nan)
    found: Float64s = np.empty((len(rows), len(orbit.FEATURES)))
    orbit.epochs(offsets, time, period, np.full(len(shift), 5e-11), nothing, nothing, nothing, found)
    return found.astype(np.float32)


def test_the_shipped_model_tells_binaries_by_their_epochs_and_leaves_one_epoch_undetermined() -> None:
    model = LightGBMClassifier(ModelStore().files("pulsar-binary"), check_names)
    question = ModelQuestion(model, model.manifest.score, model.manifest.basis)
    steady, moving = [0.0, 4e-9, -3e-9, 1e-9], [0.0, 1.1e-4, -7e-5, 3e-5]
    matrix = epochs_matrix(steady, moving, [0.0], [])
    score = question.answer(alert_batch([{}] * 4, survey="pulsar", bands=()), matrix, unasked(4, Why.NO_MODEL), None)
    assert (score.name, score.basis) == ("binary_probability", Basis.SIMULATED)
    assert score.epochs is not None
    assert score.epochs.tolist() == [4, 4, 1, 0]
    assert score.value[0] < 0.1
    assert score.value[1] > 0.95
    assert np.isnan(score.value[2:]).all()
