"""The pure composition: every row ends once, and a bad one costs only itself."""

import copy

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.codec.columns import EVEN_BYTES, MAX_ENTRIES, SHARED_BYTES
from streamer.codec.container import written
from streamer.codec.encode import RecordWriter
from streamer.codec.framing import Framing
from streamer.data.batch import State, Why
from streamer.data.schema import WriterSchema
from streamer.errors import Reason, SchemaUnavailable, Stage
from streamer.features.spectrum import PERIOD_BUDGET
from streamer.pipeline import Outcome, Pipeline, period_work
from tests.packets import (
    LSST,
    LSST_ID,
    PULSAR,
    SYNC,
    TREE_OF_NO_SURVEY,
    ZTF,
    TableOfSchemas,
    container,
    lsst_packet,
    pulsar_packet,
    pulsar_record,
    raw_batch,
    registry_frame,
    ztf_packet,
    ztf_record,
)
from tests.unit.classifiers import FixedClassifier

DOWN_ID = 5
TABLE: dict[int, WriterSchema | SchemaUnavailable] = {LSST_ID: LSST, DOWN_ID: SchemaUnavailable("down")}
FEATURE = "real_bogus"


def pipeline(**classifiers: FixedClassifier) -> Pipeline:
    return Pipeline(Framing(TableOfSchemas(TABLE)), classifiers, allow_private=False)


def run(*payloads: bytes, **classifiers: FixedClassifier) -> Outcome:
    return pipeline(**classifiers)(raw_batch(payloads))


def verdicts(outcome: Outcome) -> dict[int, tuple[object, ...]]:
    """What became of each row."""
    found: dict[int, tuple[object, ...]] = {}
    for part in outcome.scored:
        for i, row in enumerate(part.alerts.row.tolist()):
            assert row not in found
            found[row] = (part.alerts.key[i], State(part.scores.state[i]), part.scores.why[i], part.scores.leaves[i].tobytes())
    rejections = outcome.rejections
    for i, row in enumerate(rejections.row.tolist()):
        assert row not in found
        found[row] = (rejections.stage[i], rejections.reason[i], rejections.detail[i], outcome.survey_of_rejected[i])
    return found


def test_periods_are_searched_as_in_training_unless_the_settings_allow_less() -> None:
    trained = FixedClassifier()
    assert period_work(trained, None) == PERIOD_BUDGET
    trained.period_budget = 4_096
    assert period_work(trained, None) == period_work(trained, 10_000) == 4_096
    assert period_work(trained, 2_048) == 2_048


GOOD = ztf_packet()
MANY = container(ZTF.tree, [ztf_record(candid=n) for n in range(3)], "deflate")
MESSAGES = {
    "ztf": GOOD,
    "three of ztf": MANY,
    "moving": ztf_packet(ssdistnr=1.0),
    "private": ztf_packet(programid=2),
    "nowhere": ztf_packet(ra=float("nan")),
    "lsst": lsst_packet(),
    "cut": GOOD[:-30],
    "cut lsst": lsst_packet()[:-3],
    "padded lsst": lsst_packet() + b"\x00",
    "garbage": b"garbage",
    "nothing": b"",
    "unknown id": registry_frame(1, b"abc"),
    "registry down": registry_frame(DOWN_ID, b"abc"),
    "no survey": container(TREE_OF_NO_SURVEY, [{"a": 1}, {"a": 2}]),
}


@settings(max_examples=40)
@given(st.lists(st.sampled_from(sorted(MESSAGES)), max_size=8), st.booleans())
def test_every_row_ends_exactly_once_and_as_it_would_alone(names: list[str], has_model: bool) -> None:
    classifiers = {"ztf": FixedClassifier("ztf", needed=1)} if has_model else {}
    outcome = run(*(MESSAGES[name] for name in names), **classifiers)
    together = verdicts(outcome)
    assert sorted(together) == list(range(len(outcome.rows)))
    tally = outcome.tally
    assert tally.imbalance == 0
    assert (tally.messages, tally.read) == (len(names), len(outcome.rows))
    alone = [verdict for name in names for _, verdict in sorted(verdicts(run(MESSAGES[name], **classifiers)).items())]
    assert [together[row] for row in sorted(together)] == alone


def test_code_that_fails_on_some_alerts_costs_only_those() -> None:
    packets = [ztf_packet(drb=0.9 if i in {3, 4, 9} else 0.1) for i in range(11)]
    outcome = run(*packets, ztf=FixedClassifier("ztf", (FEATURE,), limit=0.5))
    assert sorted(outcome.rejections.row.tolist()) == [3, 4, 9]
    assert set(outcome.rejections.reason) == {Reason.INTERNAL_ERROR}
    assert set(outcome.rejections.stage) == {Stage.CLASSIFY}
    assert "RuntimeError" in outcome.rejections.detail[0]
    assert outcome.tally.classified == 8


def test_a_registry_that_is_down_costs_only_the_rows_that_need_it() -> None:
    outcome = run(GOOD, MESSAGES["registry down"], lsst_packet())
    assert outcome.rejections.row.tolist() == [1]
    assert outcome.rejections.reason == (Reason.SCHEMA_UNAVAILABLE,)
    assert outcome.tally.not_classified == 2


def test_alerts_without_a_model_and_with_too_few_points_say_so() -> None:
    outcome = run(GOOD, lsst_packet(), ztf=FixedClassifier("ztf", needed=2))
    whys = {part.alerts.survey: part.scores.why for part in outcome.scored}
    assert whys == {"ztf": (Why.TOO_FEW_POINTS,), "lsst": (Why.NO_MODEL,)}


def test_a_renamed_record_with_more_fields_is_the_same_alert() -> None:
    fields = [*reversed(ZTF.tree["fields"][:-3]), *ZTF.tree["fields"][-3:], {"name": "added", "type": "string"}]
    tree = {**ZTF.tree, "name": "copy", "namespace": "another.broker", "fields": fields}
    copy = container(tree, [ztf_record() | {"added": "x"}])
    one, other = verdicts(run(GOOD)), verdicts(run(copy))
    assert one == other


def test_a_schema_without_a_needed_field_is_unsupported_by_name() -> None:
    fields = [field for field in ZTF.tree["fields"] if field["name"] != "objectId"]
    candidate = next(field for field in fields if field["name"] == "candidate")
    less = [field for field in candidate["type"]["fields"] if field["name"] != "jd"]
    tree = {**ZTF.tree, "fields": [{"name": "objectId", "type": "string"}, *fields]}
    tree["fields"] = [
        {**field, "type": {**field["type"], "fields": less}} if field["name"] == "candidate" else field for field in tree["fields"]
    ]
    record = ztf_record()
    del record["candidate"]["jd"]
    outcome = run(container(tree, [record]))
    assert outcome.rejections.reason == (Reason.UNSUPPORTED_SCHEMA,)
    assert "candidate.jd" in outcome.rejections.detail[0]
    assert outcome.survey_of_rejected == ("ztf",)


def test_more_schemas_than_are_remembered_change_nothing() -> None:
    one = pipeline()
    trees = [{**TREE_OF_NO_SURVEY, "name": f"r{i}"} for i in range(300)]
    outcome = one(raw_batch([container(tree, [{"a": 1}]) for tree in trees] + [GOOD]))
    assert outcome.tally.rejected_by_reason == {Reason.UNSUPPORTED_SCHEMA: 300}
    assert outcome.tally.not_classified == 1


def test_the_arrays_of_a_batch_share_their_room_whatever_schemas_they_are_of() -> None:
    messages = []
    for name in ("one", "two", "three"):
        tree = copy.deepcopy(PULSAR.tree) | {"name": name}
        [profile] = [field for field in tree["fields"] if field["name"] == "profile"]
        profile["type"] = {"type": "array", "items": ["null", "float"]}  # a byte that takes eight
        body = RecordWriter(WriterSchema.of(tree))(pulsar_record(profile=[None] * MAX_ENTRIES))  # type: ignore[list-item]  # so many nulls
        messages.append(written(WriterSchema.of(tree), 100, body * 100, SYNC))
    outcome = run(*messages, pulsar_packet())
    entries = sum(len(part.alerts.series["profile"]["value"]) for part in outcome.scored)
    assert SHARED_BYTES < 8 * entries <= SHARED_BYTES + EVEN_BYTES
    assert set(outcome.rejections.reason) == {Reason.TOO_LARGE}
    assert 300 not in outcome.rejections.row
    assert outcome.tally.imbalance == 0


def test_an_empty_batch_is_balanced() -> None:
    outcome = run()
    assert outcome.tally.read == 0
    assert np.array_equal(outcome.rejections.row, [])
