"""Each commit adds files to a folder: all of them or none, whenever the process dies."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.codec.encode import RecordWriter
from streamer.data.batch import NO_PARTITION, Positions
from streamer.data.message import Channel, Message
from streamer.data.schema import WriterSchema
from streamer.errors import Fatal, InvalidData
from streamer.sinks.archive import ArchiveSink, Codec
from streamer.sinks.journal import JOURNAL

TAG = WriterSchema.of({"type": "record", "name": "tag", "fields": [{"name": "number", "type": "int"}]})
FULL = WriterSchema.of({"type": "record", "name": "full", "fields": [{"name": "number", "type": "int"}]})
CODECS: tuple[Codec, ...] = ("null", "deflate")
WRITERS = {schema: RecordWriter(schema) for schema in (TAG, FULL)}


class Crashed(BaseException):
    """The process dies."""


class CrashAt:
    """Lets the process die at the given step, counted from 0."""

    def __init__(self, step: int | None) -> None:
        self.left = step
        self.names: list[str] = []

    def __call__(self, name: str) -> None:
        self.names.append(name)
        if self.left == 0:
            raise Crashed
        if self.left is not None:
            self.left -= 1


def message(number: int, channel: Channel = Channel.TAGGED, schema: WriterSchema = TAG) -> Message:
    return Message(channel, "ztf", b"key", (WRITERS[schema]({"number": number}),), schema)


def positions(start: int, count: int, name: str = "night.avro") -> Positions:
    return Positions.of([(name, NO_PARTITION, start + i, 1) for i in range(count)])


def numbers(folder: Path, stem: str = "tagged") -> list[int]:
    found: list[int] = []
    for file in sorted(folder.glob(f"{stem}-*.avro")):
        for record in fastavro.reader(io.BytesIO(file.read_bytes())):
            assert isinstance(record, dict)
            found.append(record["number"])
    return found


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_records_can_be_read_with_any_avro_reader(tmp_path: Path) -> None:
    for codec in CODECS:
        sink = ArchiveSink(tmp_path / codec, codec)
        sink.commit([message(i) for i in range(1000)], positions(0, 1000))
        sink.close()
        assert numbers(tmp_path / codec) == list(range(1000))


def test_each_channel_and_each_schema_of_a_commit_has_its_own_file(tmp_path: Path) -> None:
    sink = ArchiveSink(tmp_path)
    sink.commit([message(1), message(2, Channel.DEAD_LETTER), message(3, Channel.PRIVATE)], positions(0, 3))
    sink.commit([message(4), message(5, schema=FULL), message(6), message(7, Channel.DEAD_LETTER)], positions(3, 4))
    sink.close()
    assert names(tmp_path) == [
        "dead-letters-000001.avro",
        "dead-letters-000002.avro",
        "private-000001.avro",
        "tagged-000001.avro",
        *sorted(f"tagged-000002-{schema.fingerprint[:8]}.avro" for schema in (TAG, FULL)),
    ]
    assert sorted(numbers(tmp_path)) == [1, 4, 5, 6]
    assert numbers(tmp_path, "dead-letters") == [2, 7]
    assert numbers(tmp_path, "private") == [3]


def test_the_same_commits_give_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        sink = ArchiveSink(tmp_path / folder)
        sink.commit([message(i) for i in range(10)], positions(0, 10))
        sink.close()
    assert (tmp_path / "one/tagged-000001.avro").read_bytes() == (tmp_path / "two/tagged-000001.avro").read_bytes()
    assert (tmp_path / "one" / JOURNAL).read_bytes() == (tmp_path / "two" / JOURNAL).read_bytes()


def steps_of_a_commit(tmp_path: Path) -> int:
    watch = CrashAt(None)
    sink = ArchiveSink(tmp_path, step=watch)
    before = len(watch.names)
    sink.commit(TWO_FILES, positions(0, 2))
    sink.close()
    return len(watch.names) - before


TWO_FILES = [message(0), message(1, Channel.DEAD_LETTER)]


def test_a_crash_at_any_step_leaves_all_of_a_commit_or_nothing(tmp_path: Path) -> None:
    total = steps_of_a_commit(tmp_path / "dry")
    assert total >= 10
    outcomes = set()
    for step in range(total):
        folder = tmp_path / str(step)
        before = CrashAt(None)
        sink = ArchiveSink(folder, step=before)
        before.left = step
        with pytest.raises(Crashed):
            sink.commit(TWO_FILES, positions(0, 2))
        sink.close()
        again = ArchiveSink(folder)
        done = again.committed().get(("night.avro", NO_PARTITION), 0)
        assert done in {0, 2}
        assert numbers(folder) + numbers(folder, "dead-letters") == ([0, 1] if done else [])
        assert not list(folder.glob(".*.part"))
        again.commit([message(2 + done)], positions(done, 1))
        again.close()
        assert numbers(folder) == ([0, 4] if done else [2])
        outcomes.add(done)
    assert outcomes == {0, 2}


@settings(max_examples=20, deadline=None)
@given(crashes=st.lists(st.integers(0, 40), max_size=6))
def test_a_worker_that_is_killed_again_and_again_writes_every_record_once(
    tmp_path_factory: pytest.TempPathFactory, crashes: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("out")
    for step in [*crashes, None]:
        try:
            run(folder, CrashAt(step))
        except Crashed:
            continue
    assert numbers(folder) == [i for i in range(30) if i % 3]
    assert numbers(folder, "dead-letters") == list(range(0, 30, 3))


def run(folder: Path, step: Callable[[str], None]) -> None:
    """Copy the numbers 0 … 29, five in each commit, every third as a dead letter."""
    sink = None
    try:
        sink = ArchiveSink(folder, step=step, made=MADE)
        for start in range(sink.committed().get(("night.avro", NO_PARTITION), 0), 30, 5):
            batch = [message(i, Channel.TAGGED if i % 3 else Channel.DEAD_LETTER) for i in range(start, start + 5)]
            sink.commit(batch, positions(start, 5))
    finally:
        if sink is not None:
            sink.close()


def test_a_torn_last_line_of_the_journal_was_never_committed(tmp_path: Path) -> None:
    sink = ArchiveSink(tmp_path)
    sink.commit([message(0)], positions(0, 1))
    sink.close()
    whole = (tmp_path / JOURNAL).read_bytes()
    for torn in (b'{"part": 2, "fi', b"\x00" * 50, b'{"part": 2}\n', b"\n"):
        (tmp_path / JOURNAL).write_bytes(whole + torn)
        sink = ArchiveSink(tmp_path)
        assert sink.committed() == {("night.avro", NO_PARTITION): 1}
        sink.close()
        assert (tmp_path / JOURNAL).read_bytes() == whole


def test_a_journal_that_is_damaged_before_its_end_is_not_continued(tmp_path: Path) -> None:
    sink = ArchiveSink(tmp_path)
    for i in range(3):
        sink.commit([message(i)], positions(i, 1))
    sink.close()
    lines = (tmp_path / JOURNAL).read_bytes().splitlines(keepends=True)
    damaged = b"".join([lines[0], b"not json\n", lines[2]])
    (tmp_path / JOURNAL).write_bytes(damaged)
    with pytest.raises(InvalidData, match="line 2 is damaged"):
        ArchiveSink(tmp_path)
    assert (tmp_path / JOURNAL).read_bytes() == damaged


MADE = {"models": "a 1.0", "shape": "tag"}


def test_a_folder_of_another_making_is_not_continued(tmp_path: Path) -> None:
    for at in range(2):
        sink = ArchiveSink(tmp_path, made=MADE)
        sink.commit([message(at)], positions(at, 1))
        sink.close()
    before = (tmp_path / JOURNAL).read_bytes()
    assert json.loads(before.splitlines()[0]) == {"made": MADE}
    with pytest.raises(InvalidData, match="this folder holds results made with shape tag, not shape full; choose another --out"):
        ArchiveSink(tmp_path, made={**MADE, "shape": "full"})
    assert (tmp_path / JOURNAL).read_bytes() == before
    assert numbers(tmp_path) == [0, 1]


def test_a_folder_of_unknown_making_is_not_continued(tmp_path: Path) -> None:
    sink = ArchiveSink(tmp_path)
    sink.commit([message(0)], positions(0, 1))
    sink.close()
    with pytest.raises(InvalidData, match=r"models unknown, shape unknown, not models a 1\.0, shape tag"):
        ArchiveSink(tmp_path, made=MADE)


def test_a_making_without_any_commit_binds_nobody(tmp_path: Path) -> None:
    sink = ArchiveSink(tmp_path, made=MADE)
    sink.commit([message(0)], positions(0, 1))
    sink.close()
    head, entry = (tmp_path / JOURNAL).read_bytes().splitlines(keepends=True)
    for torn in (b"", head[:5], head, head + entry[:5]):
        (tmp_path / JOURNAL).write_bytes(torn)
        sink = ArchiveSink(tmp_path, made={"models": "b 2.0"})
        assert sink.committed() == {}
        sink.commit([message(0)], positions(0, 1))
        sink.close()
        assert json.loads((tmp_path / JOURNAL).read_bytes().splitlines()[0]) == {"made": {"models": "b 2.0"}}


def test_two_sinks_cannot_write_to_one_folder(tmp_path: Path) -> None:
    sink = ArchiveSink(tmp_path)
    with pytest.raises(InvalidData, match="another streamer process"):
        ArchiveSink(tmp_path)
    sink.close()
    ArchiveSink(tmp_path).close()


def test_a_disk_that_fails_ends_the_worker_and_the_next_one_goes_on(tmp_path: Path) -> None:
    def full(name: str) -> None:
        if name.startswith("sync tagged-000002"):
            raise OSError(28, "No space left on device")

    sink = ArchiveSink(tmp_path, step=full)
    sink.commit([message(0)], positions(0, 1))
    with pytest.raises(Fatal, match="No space left"):
        sink.commit([message(1)], positions(1, 1))
    with pytest.raises(Fatal, match="half-way"):
        sink.commit([message(1)], positions(1, 1))
    sink.close()
    assert numbers(tmp_path) == [0]
    sink = ArchiveSink(tmp_path)
    sink.commit([message(1)], positions(1, 1))
    sink.close()
    assert numbers(tmp_path) == [0, 1]


def test_files_that_were_taken_away_after_their_commit_do_no_harm(tmp_path: Path) -> None:
    sink = ArchiveSink(tmp_path)
    sink.commit([message(0)], positions(0, 1))
    sink.close()
    (tmp_path / "tagged-000001.avro").unlink()
    sink = ArchiveSink(tmp_path)
    sink.commit([message(1)], positions(1, 1))
    sink.close()
    assert names(tmp_path) == ["tagged-000002.avro"]


def test_the_journal_is_lines_of_json_that_a_person_can_read(tmp_path: Path) -> None:
    sink = ArchiveSink(tmp_path)
    sink.commit([message(0)], positions(0, 1, "night.tar.gz/ZTF.avro"))
    sink.close()
    assert json.loads((tmp_path / JOURNAL).read_text()) == {
        "part": 1,
        "files": ["tagged-000001.avro"],
        "next": [["night.tar.gz/ZTF.avro", NO_PARTITION, 1]],
    }


def test_large_commits_are_cut_into_blocks(tmp_path: Path) -> None:
    big = WriterSchema.of({"type": "record", "name": "big", "fields": [{"name": "number", "type": "bytes"}]})
    value = RecordWriter(big)({"number": bytes(700_000)})
    for codec in CODECS:
        sink = ArchiveSink(tmp_path / codec, codec)
        sink.commit([Message(Channel.TAGGED, "ztf", b"", (value,), big)] * 5, positions(0, 5))
        sink.close()
        with (tmp_path / codec / "tagged-000001.avro").open("rb") as file:
            assert [block.num_records for block in fastavro.block_reader(file)] == [2, 2, 1]
