"""The model of whole packets on the real candidate files: one known pulsar without a DM curve, two candidates that are none."""

from pathlib import Path
from typing import Any

import fastavro
import pytest

from streamer import config
from streamer.commands.candidates import convert
from streamer.commands.replay import replayed

RAW = Path("pulsars") / "raw_candidates"


@pytest.mark.real_data
def test_a_known_pulsar_is_told_from_noise_by_the_whole_packet(real_data: Path, tmp_path: Path) -> None:
    files = [file for pattern in ("*/*.phcx.gz", "*/*.pfd") for file in sorted((real_data / RAW).glob(pattern))]
    assert convert(files, tmp_path / "packets", print).failed == 0
    settings = config.Config(
        source=config.ArchiveSource(kind="archive", paths=(tmp_path / "packets",)),
        sink=config.ArchiveSink(kind="archive", folder=tmp_path / "tagged"),
        model=config.Model(name=("pulsar-candidate",)),
        telemetry=config.Telemetry(port=0),
    )
    replayed(settings)
    tags: list[Any] = []
    for file in (tmp_path / "tagged").glob("tagged-*.avro"):
        with file.open("rb") as stream:
            tags += fastavro.reader(stream)
    answers = {Path(tag["input"]["source"]).name.partition(".")[0]: tag["class_name"] for tag in tags}
    assert answers == {"M28A_bary_PSR_1824-2452A": "Pulsar", "HTRU_2_PHCX_Candidate_1": "Noise", "htru2_c1": "Noise"}
