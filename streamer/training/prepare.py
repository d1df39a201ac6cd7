"""From the public sets as they were collected to light-curve tables, one folder each."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from streamer.errors import InvalidConfig, InvalidData
from streamer.training.datasets import LightCurves
from streamer.training.packets import PACKET_SETS
from streamer.training.sources import READERS
from streamer.training.sources.filters import FILTERS
from streamer.training.sources.reader import Reader
from streamer.training.survey_file import DEFAULT, Band, SurveyFile
from streamer.training.tables import is_table, read_light_curves, write_table

LIGHT_CURVES = "lightcurves"
"""The folder by which a folder of collected data is known."""
_WAVELENGTH = {band.name: band.wavelength for band in DEFAULT.bands}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was prepared of one set.

    Parameters
    ----------
    folder : Path
    content : str
        SHA-256 (hex) of the table's content.
    table : LightCurves
    """

    folder: Path
    content: str
    table: LightCurves


def prepare(source: Path, out: Path, progress: Callable[[str], None]) -> Iterator[Outcome]:
    """A light-curve table below `out` for every set that is in `source`: a folder with ``lightcurves/`` in it, or one set's folder.

    Of a whole folder the labelled packets, on which finished models are tried, are copied as they are.

    Raises
    ------
    InvalidConfig, InvalidData
        If there is no known set, or a file is not as it should be; the tables before it stay.
    """
    data, readers = _found(source)
    if data == source:
        _copy_packets(data, out)
    for reader in readers:
        progress(f"reading {reader.origin.name}")
        table = reader.read(data)
        folder = out / reader.origin.name
        yield Outcome(folder, write_table(table, survey_of(table), folder), table)


def light_curves(name: str, data: Path, survey: SurveyFile | None = None) -> LightCurves:
    """A set's light curves, from the table of that name in `data`, or of a public set from the files as they were collected.

    `survey` stands for the table's own survey file. InvalidConfig if there is neither such a table nor such a public set.
    """
    if is_table(data / name):
        return read_light_curves(data / name, survey)
    for reader in READERS:
        if reader.origin.name == name:
            return reader.read(data)
    known = ", ".join(reader.origin.name for reader in READERS)
    raise InvalidConfig(f"{name} is neither a light-curve table in {data} nor a public set, which are {known}")


def survey_of(table: LightCurves) -> SurveyFile:
    """The survey file of light curves in nJy."""
    bands = tuple(
        Band(name=name, wavelength=FILTERS[name].wavelength if name in FILTERS else _WAVELENGTH[name]) for name in table.bands
    )
    return SurveyFile(name=table.survey, bands=bands)


def _copy_packets(data: Path, out: Path) -> None:
    """Copy the labelled packets that are there, their labels and their schemas to the same places below `out`."""
    for packets in PACKET_SETS:
        if (data / packets.labels).is_file():
            for folder in (packets.folder, packets.schemas):
                shutil.copytree(data / folder, out / folder, dirs_exist_ok=True)
            (out / packets.labels).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(data / packets.labels, out / packets.labels)


def _found(source: Path) -> tuple[Path, tuple[Reader, ...]]:
    """The data folder and the readers of the sets in it."""
    if (source / LIGHT_CURVES).is_dir():
        data, names = source, {path.name for path in (source / LIGHT_CURVES).iterdir() if path.is_dir()}
    else:
        data, names = source.resolve().parent.parent, {source.resolve().name}
    readers = tuple(reader for reader in READERS if reader.origin.name in names)
    if not readers:
        known = ", ".join(reader.origin.name for reader in READERS)
        raise InvalidConfig(
            f"{source}: neither a folder with {LIGHT_CURVES}/ in it nor the folder of a known set, which are {known}"
        )
    if (data / LIGHT_CURVES).is_dir():
        return data, readers
    raise InvalidData(f"{source}: a set's folder must lie in a folder {LIGHT_CURVES}/, beside groups.csv.gz")
