"""Bundles are found by folder name, given folders before the package's."""

from pathlib import Path

import pytest

from streamer.errors import InvalidBundle
from streamer.ports import Models
from streamer.stores.models import ModelStore
from tests.unit.classify.bundles import tiny_files


def written(parent: Path, name: str, **changed: bytes) -> None:
    folder = parent / name
    folder.mkdir(parents=True)
    for file, content in {**tiny_files(), **changed}.items():
        (folder / file).write_bytes(content)


def test_files_are_those_of_the_bundle(tmp_path: Path) -> None:
    written(tmp_path, "tiny")
    store: Models = ModelStore([tmp_path])
    assert store.files("tiny") == tiny_files()
    assert "tiny" in store.names()


def test_given_folders_come_before_the_package(tmp_path: Path) -> None:
    written(tmp_path / "mine", "tiny", **{"card.md": b"mine"})
    written(tmp_path / "packaged", "tiny")
    written(tmp_path / "packaged", "other")
    store = ModelStore([tmp_path / "mine"], packaged=tmp_path / "packaged")
    assert store.files("tiny")["card.md"] == b"mine"
    assert store.names() == ("other", "tiny")


def test_a_folder_without_a_bundle_is_told_so_and_a_light_curve_table_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(InvalidBundle, match=r"mine: no bundle, since there is no manifest\.json in it$"):
        ModelStore([tmp_path]).files("mine")
    (tmp_path / "mine" / "points.csv").touch()
    with pytest.raises(InvalidBundle, match=r"light-curve table .* streamer train --table"):
        ModelStore([tmp_path]).files("mine")
    written(tmp_path / "packaged", "mine")
    assert ModelStore([tmp_path], packaged=tmp_path / "packaged").files("mine") == tiny_files()


@pytest.mark.parametrize("name", ["absent", "", "..", "../packaged/tiny", "/etc"])
def test_an_unknown_name_lists_the_known_ones(tmp_path: Path, name: str) -> None:
    written(tmp_path / "packaged", "tiny")
    with pytest.raises(InvalidBundle, match="known are tiny"):
        ModelStore([], packaged=tmp_path / "packaged").files(name)


def test_a_name_that_is_nearly_right_is_guessed(tmp_path: Path) -> None:
    written(tmp_path, "variability-mine")
    with pytest.raises(InvalidBundle, match=r"did you mean variability-mine\? known are variability-mine"):
        ModelStore([], packaged=tmp_path).files("variabilty-mine")


def test_no_folder_at_all_has_no_bundles(tmp_path: Path) -> None:
    store = ModelStore([tmp_path / "absent"], packaged=tmp_path / "gone")
    assert store.names() == ()
    with pytest.raises(InvalidBundle, match="known are none"):
        store.files("tiny")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    written(tmp_path, "tiny")
    (tmp_path / "tiny" / "card.md").unlink()
    with pytest.raises(InvalidBundle, match=r"card\.md"):
        ModelStore([tmp_path]).files("tiny")
