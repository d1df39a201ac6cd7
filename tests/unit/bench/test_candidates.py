"""The baseline of pulsar candidates is fair: it gives what streamer gives."""

import io

import fastavro
import numpy as np
import pytest

from streamer.bench.baselines import CachedReader
from streamer.bench.candidates import GoodCandidates, moments
from streamer.bench.measures.candidates import OF_EIGHT
from streamer.bench.models import model_named
from streamer.bench.packets import sample
from streamer.codec.framing import Framing
from streamer.features import compute
from streamer.features.profile import DM_TRIALS, FEATURES, PROFILE_BINS
from streamer.pipeline import Pipeline
from streamer.stores.bundled import bundled_schema
from streamer.tagged import VERSION

PACKETS = sample("pulsar", None, 30)


def test_the_eight_features_are_ours() -> None:
    (part,) = Pipeline(Framing(PACKETS.schemas), {}, allow_private=True)(PACKETS.batch(30)).scored
    ours = compute(part.alerts, [feature.name for feature in FEATURES])
    read = CachedReader(PACKETS.schemas)
    for payload, expected in zip(PACKETS.payloads, ours, strict=True):
        record = read(payload)
        curve = np.array([trial["snr"] for trial in record["dm_curve"]])
        found = [*moments(np.array(record["profile"]), PROFILE_BINS), *moments(curve, DM_TRIALS)]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_a_series_of_another_length_is_rebinned() -> None:
    values = np.random.default_rng(2).normal(size=40)
    np.testing.assert_allclose(moments(np.repeat(values, 5), 40), moments(values, 40), rtol=1e-9)


def test_the_answers_are_ours() -> None:
    model = model_named(OF_EIGHT)
    baseline, schema = GoodCandidates(model, PACKETS.schemas), fastavro.parse_schema(bundled_schema("tagged", VERSION).tree)
    pipeline = Pipeline(Framing(PACKETS.schemas), {"pulsar": model.classifier}, allow_private=True)
    (part,) = pipeline(PACKETS.batch(30)).scored
    for payload, leaves in zip(PACKETS.payloads, part.scores.leaves, strict=True):
        tag = fastavro.schemaless_reader(io.BytesIO(baseline(payload)[5:]), schema, None)
        assert isinstance(tag, dict)
        assert [one["probability"] for one in tag["classifications"]] == pytest.approx(leaves.tolist(), abs=1e-6)
