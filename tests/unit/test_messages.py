"""What goes out: tags and dead letters, in both shapes and every framing."""

import io
import json
from dataclasses import replace
from typing import Any

import fastavro
import numpy as np
import pytest

from streamer.client import tagged_records
from streamer.codec.container import written
from streamer.codec.encode import ContainerFrame, Frame, JsonFrame, RegistryFrame, SingleObjectFrame, bare, rabin_fingerprint
from streamer.data.arrays import Float32s, Int64s
from streamer.data.batch import Basis, Contribution, FurtherScore, KnownObject, Scores, State, Why
from streamer.data.message import Channel, Message
from streamer.data.schema import WriterSchema
from streamer.errors import InvalidData, Reason, Stage
from streamer.messages import MAX_PAYLOADS, TAG_FIELD, Encoder, OwnSchemas, Shape
from streamer.pipeline import Outcome, Pipeline
from streamer.stores.bundled import bundled_schema
from streamer.tagged import VERSION, tag_id
from tests.packets import SYNC, TREE_OF_NO_SURVEY, ZTF, container, raw_batch, ztf_packet, ztf_point, ztf_record
from tests.unit.classifiers import FixedClassifier
from tests.unit.test_pipeline import MESSAGES, run

OWN = OwnSchemas(bundled_schema("tagged", VERSION), bundled_schema("dead_letter", "1.0"))


class Ids:
    """A registry that knows one id."""

    def id_of(self, subject: str, schema: WriterSchema) -> int:
        return 258


def encoded(outcome: Outcome, shape: Shape = Shape.TAG, frame: Frame = bare) -> list[Message]:
    return Encoder(OWN, shape, frame, frame, "0.1")(outcome, 1_700_000_002_000)


def record(message: Message, reader: WriterSchema | None = None) -> dict[str, Any]:
    stream = io.BytesIO(message.value)
    written = fastavro.parse_schema(message.schema.tree)
    wanted = None if reader is None else fastavro.parse_schema(reader.tree)
    result: Any = fastavro.schemaless_reader(stream, written, wanted)
    assert not stream.read()
    return dict(result)


def test_symbols_of_the_schemas_are_those_of_the_code() -> None:
    def symbols(schema: WriterSchema, field: str) -> list[str]:
        found = next(entry for entry in schema.tree["fields"] if entry["name"] == field)
        assert found["type"]["default"] == "UNKNOWN"
        return list(found["type"]["symbols"])

    assert symbols(OWN.tagged, "state") == [state.name for state in State]
    assert symbols(OWN.tagged, "reason") == [why.value for why in Why]
    assert symbols(OWN.dead_letter, "stage") == ["UNKNOWN", *(stage.name for stage in Stage)]
    assert symbols(OWN.dead_letter, "reason") == ["UNKNOWN", *(reason.value for reason in Reason)]


def test_a_tag_says_all_that_is_known() -> None:
    model = FixedClassifier()
    (message,) = encoded(run(ztf_packet([ztf_point(fid=1)]), ztf=model))
    tag = record(message)
    assert (message.channel, message.survey, message.key) == (Channel.TAGGED, "ztf", b"ZTF:ZTF18aaaaaaa")
    assert (tag["state"], tag["reason"]) == ("CLASSIFIED", "NONE")
    assert tag["tag_id"] == tag_id("ztf", 7, model)
    assert tag["input"] == {"source": "topic", "partition": 3, "offset": 100, "record": 0}
    assert tag["n_detections"] == {"g": 1, "r": 1}
    assert tag["model"]["name"] == "fixed"
    assert tag["night"].encode() == dict(message.headers)["night"]
    probabilities = {entry["class_id"]: entry["probability"] for entry in tag["classifications"]}
    assert sum(probabilities.values()) == pytest.approx(1.0)
    parents = {entry["class_id"]: entry["probability"] for entry in tag["parents"]}
    for parent in model.parents:
        below = [leaf.id for leaf in model.leaves if _is_below(leaf, parent)]
        assert parents[parent.id] == pytest.approx(sum(probabilities[number] for number in below))


class Talkative(FixedClassifier):
    """Says everything that a tag can hold of the first alert, and of the others what is not undefined."""

    def scores(self, matrix: Float32s, n_detections: Int64s) -> Scores:
        plain = super().scores(matrix, n_detections)
        first = np.arange(len(plain)) == 0
        possible = np.zeros(plain.leaves.shape, dtype=np.bool_)
        possible[0, [1, 3]] = True
        return replace(
            plain,
            state=np.where(first, State.PARENT_ONLY, State.NOT_CLASSIFIED).astype(np.int8),
            why=(Why.AMBIGUOUS, *(Why.ATYPICAL,) * (len(plain) - 1)),
            class_id=np.where(first, 2200, 300).astype(np.int32),
            possible=possible,
            level=0.9,
            novelty=np.where(first, np.float32(0.25), np.float32(np.nan)),
            reasons={0: (Contribution("snr", 12.5, 0.75, "signal to noise 12.5"), Contribution("skew_g", np.nan, -0.5, "none"))},
            further=(
                FurtherScore("p_binary", np.where(first, 0.5, np.nan), Basis.SIMULATED, np.full(len(plain), 3)),
                FurtherScore("p_msp", np.full(len(plain), 0.125), Basis.REAL),
            ),
            known={0: KnownObject("psrcat", "J0437-4715", 2.5, "1/2")},
        )


def test_a_tag_says_what_else_may_be_true() -> None:
    outcome = run(container(ZTF.tree, [ztf_record(candid=1), ztf_record(candid=2)], "null"), ztf=Talkative())
    one, other = map(record, encoded(outcome))
    assert (one["state"], one["reason"], one["class_id"]) == ("PARENT_ONLY", "AMBIGUOUS", 2200)
    assert (other["state"], other["reason"], other["class_id"]) == ("NOT_CLASSIFIED", "ATYPICAL", 300)
    assert one["conformal_set"] == [Talkative.leaves[1].id, Talkative.leaves[3].id]
    assert other["conformal_set"] == []
    assert (one["conformal_level"], other["conformal_level"]) == (0.9, 0.9)
    assert (one["novelty"], other["novelty"]) == (0.25, None)
    assert len(one["classifications"]) == len(other["classifications"]) == len(Talkative.leaves)
    assert one["reasons"] == [
        {"input": "snr", "value": 12.5, "contribution": 0.75, "text": "signal to noise 12.5"},
        {"input": "skew_g", "value": None, "contribution": -0.5, "text": "none"},
    ]
    msp = {"name": "p_msp", "value": 0.125, "epochs": None, "basis": "REAL"}
    assert one["scores"] == [{"name": "p_binary", "value": 0.5, "epochs": 3, "basis": "SIMULATED"}, msp]
    assert other["scores"] == [msp]
    assert one["known_object"] == {"catalogue": "psrcat", "name": "J0437-4715", "separation": 2.5, "harmonic": "1/2"}
    assert (other["reasons"], other["known_object"]) == ([], None)


def test_readers_of_both_versions_understand_tags_of_both() -> None:
    old = bundled_schema("tagged", "1.0")
    (message,) = encoded(run(ztf_packet([ztf_point(fid=1)]), ztf=Talkative()))
    new = record(message)
    seen = record(message, old)
    assert (seen["state"], seen["reason"]) == ("PARENT_ONLY", "UNKNOWN")
    assert seen == {name: value for name, value in new.items() if name in seen} | {"reason": "UNKNOWN"}
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(old.tree), {**seen, "reason": "NONE"})
    again = next(iter(tagged_records(b"\x00\x00\x00\x00\x01" + stream.getvalue())))
    unsaid: dict[str, Any] = {
        "conformal_set": [],
        "conformal_level": None,
        "novelty": None,
        "reasons": [],
        "scores": [],
        "known_object": None,
    }
    assert again == {**seen, "reason": "NONE", **unsaid}
    assert next(iter(tagged_records(b"\x00\x00\x00\x00\x01" + message.value))) == new
    with pytest.raises(InvalidData, match=r"no record of the versions 1\.1, 1\.0"):
        list(tagged_records(b"\x00\x00\x00\x00\x01" + message.value + b"\x00"))


def test_further_scores_have_the_bases_of_the_schema() -> None:
    scores = next(entry for entry in OWN.tagged.tree["fields"] if entry["name"] == "scores")["type"]["items"]
    field = next(entry for entry in scores["fields"] if entry["name"] == "basis")
    assert field["type"]["symbols"] == [basis.name for basis in Basis]


def _is_below(leaf: Any, parent: Any) -> bool:
    from streamer.classify.taxonomy import ancestors

    return parent in ancestors(leaf)


def test_the_tag_id_depends_on_alert_and_model_and_on_nothing_else() -> None:
    first, again = (record(encoded(run(ztf_packet(), ztf=FixedClassifier()))[0])["tag_id"] for _ in range(2))
    assert first == again
    assert len({first, tag_id("lsst", 7, FixedClassifier()), tag_id("ztf", 8, FixedClassifier()), tag_id("ztf", 7, None)}) == 4


@pytest.mark.parametrize("shape", Shape)
def test_every_framing_carries_the_same_record(shape: Shape) -> None:
    outcome = run(*MESSAGES.values(), ztf=FixedClassifier())
    plain = encoded(outcome, shape)
    for i, message in enumerate(encoded(outcome, shape, ContainerFrame())):
        assert plain[i].value in message.value
        assert len(list(fastavro.reader(io.BytesIO(message.value)))) == 1
    for i, message in enumerate(encoded(outcome, shape, RegistryFrame(Ids(), "subject"))):
        assert message.value == b"\x00\x00\x00\x01\x02" + plain[i].value
    for i, message in enumerate(encoded(outcome, shape, SingleObjectFrame())):
        assert message.value == b"\xc3\x01" + rabin_fingerprint(message.schema) + plain[i].value
    for message in encoded(outcome, shape, JsonFrame()):
        text = json.loads(message.value, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
        own = next((value for name, value in text.items() if name.startswith(TAG_FIELD)), text)
        assert own["published"] == 1_700_000_002_000


def test_the_full_shape_is_read_with_the_original_schema_alone() -> None:
    packet = ztf_packet([ztf_point()])
    original: Any = next(iter(fastavro.reader(io.BytesIO(packet))))
    outcome = run(packet)
    (message,) = encoded(outcome, Shape.FULL)
    assert record(message, ZTF) == original
    assert message.value.startswith(outcome.rows.bodies.bytes_of(0))
    assert record(message)[TAG_FIELD]["alert_id"] == 7


def test_a_packet_that_was_tagged_before_is_tagged_again() -> None:
    packet = ztf_packet()
    for times in (1, 2, 3):
        (message,) = encoded(run(packet), Shape.FULL, ContainerFrame())
        packet = message.value
        fields: Any = next(iter(fastavro.reader(io.BytesIO(packet))))
        assert [name for name in fields if name.startswith(TAG_FIELD)] == [
            TAG_FIELD if n == 1 else f"{TAG_FIELD}_{n}" for n in range(1, times + 1)
        ]


@pytest.mark.parametrize(
    "name", ["cut", "cut lsst", "padded lsst", "garbage", "unknown id", "registry down", "no survey", "nowhere"]
)
def test_a_dead_letter_carries_bytes_that_end_the_same_way(name: str) -> None:
    outcome = run(MESSAGES[name])
    for message in encoded(outcome):
        letter = record(message)
        again = run(letter["payload"])
        assert letter["reason"] in [reason.value for reason in again.rejections.reason]
        assert letter["stage"] in {stage.name for stage in outcome.rejections.stage}
    assert name == "no survey" or record(encoded(outcome)[0])["payload"] == MESSAGES[name]


def test_the_dead_letter_of_one_record_of_many_is_that_record() -> None:
    records = [ztf_record(candid=1), ztf_record(candid=2, ra=float("nan")), ztf_record(candid=3)]
    messages = encoded(run(container(ZTF.tree, records, "deflate")))
    letter = record(messages[-1])
    assert letter["input"]["record"] == 1
    assert [entry["candid"] for entry in fastavro.reader(io.BytesIO(letter["payload"]))] == [2]  # type: ignore[index, call-overload]  # of records
    assert run(letter["payload"]).rejections.reason == (Reason.INVALID_VALUE,)


def test_the_dead_letters_of_many_records_behind_a_large_header_carry_bounded_bytes() -> None:
    schema = WriterSchema.of(TREE_OF_NO_SURVEY | {"doc": "x" * (MAX_PAYLOADS // 40)})
    messages = encoded(run(written(schema, 80, bytes(80), SYNC)))
    sizes = [sum(map(len, message.pieces)) for message in messages]
    assert len(sizes) == 80
    assert MAX_PAYLOADS < sum(sizes) < 1.1 * MAX_PAYLOADS
    assert [record(message)["is_withheld"] for message in messages[39:41]] == [False, True]


def test_the_bytes_of_a_private_alert_are_withheld() -> None:
    (message,) = encoded(run(ztf_packet(programid=2)))
    letter = record(message)
    assert (letter["payload"], letter["is_withheld"], letter["reason"]) == (b"", True, "PRIVATE")


def test_a_private_alert_that_is_broken_besides_is_withheld_all_the_same() -> None:
    letters = [record(encoded(run(ztf_packet(**wrong)))[0]) for wrong in ({"ra": -5.0}, {"jd": float("nan")})]
    private = [record(encoded(run(ztf_packet(programid=3, **wrong)))[0]) for wrong in ({"ra": -5.0}, {"jd": float("nan")})]
    assert all(letter["payload"] and letter["reason"] == "INVALID_VALUE" for letter in letters)
    assert [(letter["payload"], letter["reason"]) for letter in private] == [(b"", "PRIVATE")] * 2


def test_a_private_alert_that_may_go_on_has_its_own_channel() -> None:
    from streamer.codec.framing import Framing
    from streamer.stores.schemas import NoSchemas

    outcome = Pipeline(Framing(NoSchemas()), {}, allow_private=True)(raw_batch([ztf_packet(programid=2)]))
    assert [message.channel for message in encoded(outcome)] == [Channel.PRIVATE]


def test_text_that_utf_8_cannot_carry_reaches_the_dead_letter_as_question_marks() -> None:
    outcome = run(ztf_packet(drb=0.9), ztf=FixedClassifier("ztf", ("real_bogus",), limit=0.5))
    letter = record(encoded(outcome)[0])
    assert letter["reason"] == "INTERNAL_ERROR"
    assert letter["detail"].endswith("foresaw ?")


def test_values_that_were_not_measured_are_null() -> None:
    (message,) = encoded(run(ztf_packet(sigmapsf=-999.0, drb=None, rb=None, fid=9)))
    tag = record(message)
    assert (tag["flux_err"], tag["real_bogus"], tag["band"], tag["model"]) == (None, None, None, None)
    assert tag["classifications"] == tag["parents"] == []
    assert np.isfinite(tag["flux"])
