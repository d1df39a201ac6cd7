"""Files, folders and tarballs come as messages of bounded size, and no byte of a record is lost."""

import io
import tarfile
from collections.abc import Sequence
from pathlib import Path
from random import Random

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.codec.container import SYNC_BYTES, block_bytes, header_bytes
from streamer.codec.encode import RecordWriter
from streamer.codec.framing import Framing
from streamer.data.batch import NO_PARTITION, Cursor, RawBatch
from streamer.data.schema import WriterSchema
from streamer.errors import InvalidData, Reason
from streamer.sources.archive import ArchiveSource
from streamer.sources.slices import SLICE_BYTES, SLICE_RECORDS, slices
from streamer.stores.bundled import BundledSchemas
from streamer.testing import HandClock

SCHEMA = WriterSchema.of({"type": "record", "name": "row", "fields": [{"name": "number", "type": "int"}]})
SYNC = bytes(range(SYNC_BYTES))
WRITE = RecordWriter(SCHEMA)


def container(*blocks: Sequence[int], padding: int = 0) -> bytes:
    """A container file with the given numbers in the given blocks."""
    packed = [block_bytes(len(block), b"".join(WRITE({"number": number}) for number in block), SYNC) for block in blocks]
    return header_bytes(SCHEMA) + SYNC + b"".join(packed) + bytes(padding)


def numbers(payload: bytes) -> list[int]:
    return [record["number"] for record in fastavro.reader(io.BytesIO(payload))]  # type: ignore[call-overload, index, misc]  # a record is a dict here


def everything(source: ArchiveSource, limit: int = 100) -> list[RawBatch]:
    batches = []
    while (batch := source.read(limit, 0.0)) is not None:
        batches.append(batch)
    source.close()
    return batches


def payloads(source: ArchiveSource) -> list[bytes]:
    return [payload for batch in everything(source) for payload in batch.payloads]


def tarball(path: Path, members: dict[str, bytes], mode: str = "w:gz") -> bytes:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]  # the mode is one of its literals
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path.read_bytes()


def test_folders_are_searched_in_order_and_other_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for name in ("z.avro", "a.avro", "b/c.avro"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "notes.txt").write_text("nothing")
    tarball(tmp_path / "night.tgz", {"x/1.avro": b"one", "readme": b"no", "2.avro": b"two"})
    source = ArchiveSource([tmp_path, tmp_path / "a.avro"], HandClock())
    batches = everything(source)
    assert [payload for batch in batches for payload in batch.payloads] == [b"a.avro", b"b/c.avro", b"one", b"two", b"z.avro"]
    found = [name for batch in batches for name in batch.positions.names]
    assert found == [f"{tmp_path}/{name}" for name in ("a.avro", "b/c.avro", "night.tgz/x/1.avro", "night.tgz/2.avro", "z.avro")]
    assert source.ignored == [str(tmp_path / "notes.txt")]
    assert source.problems == []


def test_a_path_that_does_not_exist_is_said_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match="no such file"):
        ArchiveSource([tmp_path / "nowhere"], HandClock())


@settings(max_examples=60, deadline=None)
@given(blocks=st.lists(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=300), max_size=8))
def test_container_files_are_cut_between_blocks_without_losing_a_record(blocks: list[list[int]]) -> None:
    whole = container(*blocks)
    pieces = list(slices(io.BytesIO(whole)))
    assert [number for piece in pieces for number in numbers(piece.payload)] == [n for block in blocks for n in block]
    assert [piece.first for piece in pieces] == [sum(piece.count for piece in pieces[:i]) for i in range(len(pieces))]
    for piece in pieces:
        assert piece.count == max(1, len(numbers(piece.payload)))
    assert pieces


def test_slices_are_small_however_large_the_file() -> None:
    blocks = [list(range(i, i + 40)) for i in range(0, 4000, 40)]
    assert all(piece.count < SLICE_RECORDS + 40 for piece in slices(io.BytesIO(container(*blocks))))
    big = WriterSchema.of({"type": "record", "name": "big", "fields": [{"name": "b", "type": "bytes"}]})
    body = RecordWriter(big)({"b": bytes(400_000)})
    stream = io.BytesIO(header_bytes(big) + SYNC + block_bytes(1, body, SYNC) * 10)
    assert all(len(piece.payload) < 2 * SLICE_BYTES for piece in slices(stream))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_of_a_damaged_container_every_byte_still_comes(data: st.DataObject) -> None:
    whole = container([1, 2, 3], list(range(300)), [4], list(range(200)))
    if data.draw(st.booleans()):
        damaged = whole[: data.draw(st.integers(0, len(whole) - 1))]
    else:
        at = data.draw(st.integers(0, len(whole) - 1))
        damaged = whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :]
    pieces = list(slices(io.BytesIO(damaged)))
    header = len(header_bytes(SCHEMA)) + SYNC_BYTES
    assert pieces[0].payload + b"".join(piece.payload[header:] for piece in pieces[1:]) == damaged
    assert all(piece.count >= 1 for piece in pieces)


def test_a_torn_tail_is_rejected_and_the_records_before_it_are_not(tmp_path: Path) -> None:
    (tmp_path / "a.avro").write_bytes(container([1], [2], [3])[:-1])
    [batch] = everything(ArchiveSource([tmp_path], HandClock()))
    assert numbers(batch.payloads[0]) == [1, 2]
    rows, rejected = Framing(BundledSchemas()).rows(batch)
    assert len(rows) == 3
    assert rejected.row.tolist() == [2]
    assert rejected.reason == (Reason.TRUNCATED,)


@pytest.mark.parametrize("content", [b"", b"\x00\x00\x00\x00\x01abc", b"Obj\x01", b"random", container()])
def test_what_has_no_records_is_one_message(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.avro").write_bytes(content)
    [batch] = everything(ArchiveSource([tmp_path], HandClock()))
    assert list(batch.payloads) == [content]
    assert batch.positions.next() == {(str(tmp_path / "a.avro"), NO_PARTITION): 1}


def test_too_large_a_message_is_read_no_further_than_needed_to_see_it() -> None:
    assert [len(piece.payload) for piece in slices(io.BytesIO(bytes(5000)), limit=1000)] == [1001]
    huge = header_bytes(SCHEMA) + SYNC + block_bytes(1, bytes(5000), SYNC)
    [piece] = slices(io.BytesIO(huge), limit=1000)
    assert len(header_bytes(SCHEMA)) < len(piece.payload) < 1400


@settings(max_examples=30, deadline=None)
@given(limit=st.integers(1, 7), stops=st.lists(st.integers(0, 6), max_size=5))
def test_stopping_anywhere_and_going_on_loses_and_repeats_nothing(
    tmp_path_factory: pytest.TempPathFactory, limit: int, stops: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("in")
    (folder / "a.avro").write_bytes(container(*([i] * 200 for i in range(10))))
    tarball(folder / "b.tar.gz", {f"{i}.avro": container([100 + i], [200 + i]) for i in range(5)})
    (folder / "c.avro").write_bytes(container([7]))
    cursor: Cursor = {}
    seen: list[int] = []
    for batches in (*stops, 10**6):
        source = ArchiveSource([folder], HandClock(), cursor)
        for _ in range(batches):
            batch = source.read(limit, 0.0)
            if batch is None:
                break
            seen += [number for payload in batch.payloads for number in numbers(payload)]
            cursor |= batch.positions.next()
        source.close()
    whole = [number for payload in payloads(ArchiveSource([folder], HandClock())) for number in numbers(payload)]
    assert seen == whole
    assert len(whole) == 2011


def test_a_broken_tarball_is_a_problem_and_the_next_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "z.avro").write_bytes(container([1]))
    (tmp_path / "not.tar").write_bytes(b"not a tarball at all" * 100)
    random = Random(1)  # what does not compress is cut in the middle
    members = {f"{i}.avro": container([random.randrange(2**31) for _ in range(500)]) for i in range(20)}
    whole = tarball(tmp_path / "cut.tar.gz", members)
    (tmp_path / "cut.tar.gz").write_bytes(whole[: len(whole) // 2])
    source = ArchiveSource([tmp_path], HandClock())
    found = payloads(source)
    assert found[0] == members["0.avro"]
    assert found[-1] == container([1])
    assert len(source.problems) == 2
    assert all(name in problem for name, problem in zip(("cut.tar.gz", "not.tar"), source.problems, strict=True))


def test_a_file_that_may_not_be_read_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "a.avro").write_bytes(container([1]))
    (tmp_path / "b.avro").write_bytes(container([2]))
    source = ArchiveSource([tmp_path], HandClock())
    (tmp_path / "a.avro").unlink()  # between the search and the reading
    assert payloads(source) == [container([2])]
    assert len(source.problems) == 1


def test_a_batch_is_full_when_it_has_many_records(tmp_path: Path) -> None:
    (tmp_path / "a.avro").write_bytes(container(*([i] * 200 for i in range(20))))
    batches = everything(ArchiveSource([tmp_path], HandClock()), limit=500)
    assert max(int(batch.positions.count.sum()) for batch in batches) <= 500 + SLICE_RECORDS + 200


def test_a_file_is_the_same_by_whatever_path_it_is_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("d1", "d2"):
        (tmp_path / place / "night").mkdir(parents=True)
        (tmp_path / place / "night" / "a.avro").write_bytes(container([1]))
        tarball(tmp_path / place / "night" / "b.tar", {"x.avro": container([2])}, "w")
    (tmp_path / "link").symlink_to(tmp_path / "d1")

    def position(path: str) -> Cursor:
        return {
            key: at for batch in everything(ArchiveSource([Path(path)], HandClock())) for key, at in batch.positions.next().items()
        }

    monkeypatch.chdir(tmp_path / "d1")
    first = position("night")
    assert set(first) == {(f"{tmp_path}/d1/night/{name}", NO_PARTITION) for name in ("a.avro", "b.tar/x.avro")}
    assert first == position("./night") == position("../link/night") == position(str(tmp_path / "d2" / ".." / "d1" / "night"))
    monkeypatch.chdir(tmp_path / "d2")
    assert not set(first) & set(position("night"))


def test_what_was_done_before_is_counted(tmp_path: Path) -> None:
    (tmp_path / "a.avro").write_bytes(container([1, 2], [3]))
    (tmp_path / "b.avro").write_bytes(container([4]))
    source = ArchiveSource([tmp_path], HandClock(), {(str(tmp_path / "a.avro"), NO_PARTITION): 3})
    assert [numbers(payload) for payload in payloads(source)] == [[4]]
    assert source.done_before == 3


def test_the_folder_of_results_is_no_input(tmp_path: Path) -> None:
    out = tmp_path / "in" / "out"
    out.mkdir(parents=True)
    (tmp_path / "in" / "a.avro").write_bytes(container([1]))
    for name in ("tagged-000001.avro", ".journal.jsonl", ".lock"):
        (out / name).write_bytes(container([2]))
    source = ArchiveSource([tmp_path / "in"], HandClock(), results=tmp_path / "in" / ".." / "in" / "out")
    assert payloads(source) == [container([1])]
    assert source.ignored == []
    for path in (out, out / "tagged-000001.avro"):
        with pytest.raises(InvalidData, match="lies in the folder that results go to; choose another --out"):
            ArchiveSource([path], HandClock(), results=out)


@pytest.mark.real_data
def test_real_packets_come_as_they_are(real_data: Path) -> None:
    folder = real_data / "ztf_alerts"
    source = ArchiveSource([folder], HandClock())
    files = sorted(folder.rglob("*.avro"))
    assert payloads(source) == [file.read_bytes() for file in files]
    assert source.problems == []
