"""`streamer candidates convert`: files to packets that the pipeline reads."""

from pathlib import Path
from typing import Any

import fastavro
import numpy as np
import pytest
from click.testing import CliRunner, Result

from streamer.cli import main
from streamer.codec.framing import Framing
from streamer.data.batch import AlertBatch
from streamer.features import compute, features_of
from streamer.pipeline import Pipeline
from streamer.stores.bundled import BundledSchemas
from tests.packets import raw_batch
from tests.unit.candidates.files import FoldFile, phcx


def convert(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["candidates", "convert", *map(str, arguments)])


def alerts_in(folder: Path) -> AlertBatch:
    payloads = [file.read_bytes() for file in sorted(folder.iterdir())]
    (part,) = Pipeline(Framing(BundledSchemas()), {}, allow_private=False)(raw_batch(payloads)).scored
    assert len(part.alerts) == len(payloads)
    return part.alerts


def test_both_kinds_of_files_become_packets_with_features(tmp_path: Path) -> None:
    (tmp_path / "a.phcx").write_text(phcx())
    (tmp_path / "b.pfd").write_bytes(FoldFile().content())
    result = convert(tmp_path / "a.phcx", tmp_path / "b.pfd", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("2 packets")
    alerts = alerts_in(tmp_path / "out")
    named = {feature.name: column for column, feature in enumerate(features_of(()))}
    matrix = compute(alerts, list(named))
    for name in ("profile_mean", "dm_curve_std", "pulse_snr", "dm_width_ratio", "subint_fraction", "subband_fraction"):
        assert np.isfinite(matrix[:, named[name]]).all(), name
    assert matrix[1, named["subint_fraction"]] > 0.9


def test_a_bad_file_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.phcx").write_text(phcx())
    (tmp_path / "cut.pfd").write_bytes(FoldFile().content()[:-8])
    (tmp_path / "empty").touch()
    result = convert(tmp_path / "cut.pfd", tmp_path / "none", tmp_path / "empty", tmp_path / "a.phcx", "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "1 packet in" in result.stdout
    assert "3 files left out" in result.stdout
    complaints = result.stderr.splitlines()
    assert [
        file
        for line, file in zip(complaints, ("cut.pfd: ends within", "none: No such file", "empty: empty"), strict=True)
        if file in line
    ]
    assert len(list((tmp_path / "out").iterdir())) == 1


def test_the_same_file_is_the_same_candidate(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.phcx").write_text(phcx())
        convert(tmp_path / folder / "a.phcx", "--out", tmp_path / f"out-{folder}")
    one, two = (list((tmp_path / f"out-{folder}").iterdir()) for folder in ("one", "two"))
    assert (one[0].name, one[0].read_bytes()) == (two[0].name, two[0].read_bytes())


@pytest.mark.real_data
def test_real_files_are_read_to_their_own_numbers(real_data: Path, tmp_path: Path) -> None:
    folder = real_data / "pulsars/raw_candidates"
    result = convert(*sorted(folder.glob("*/*")), "--out", tmp_path)
    assert result.exit_code == 0, result.output
    packets: dict[str, Any] = {}
    for file in tmp_path.iterdir():
        with file.open("rb") as stream:
            [packets[file.name.partition(".")[0]]] = fastavro.reader(stream)
    htru = packets["HTRU_2_PHCX_Candidate_1"]
    assert (htru["p_topo"], htru["p_bary"]) == (0.07253997843160, 0.07253778989607)
    assert htru["dm"] == pytest.approx(621.858159)
    assert htru["snr"] == pytest.approx(5.251925)
    assert max(htru["dm_curve"], key=lambda trial: float(trial["snr"])) == {
        "dm": pytest.approx(616.8346),
        "snr": pytest.approx(7.056923),
    }
    assert (len(htru["profile"]), htru["n_subints"], htru["n_subbands"], len(htru["dm_curve"])) == (128, 32, 16, 1196)
    chandra = packets["M28A_bary_PSR_1824-2452A"]
    assert chandra["p_bary"] == pytest.approx(0.0030543152772)
    assert (chandra["ra"], chandra["dec"]) == pytest.approx((276.1333654, -24.8696586))
    assert (chandra["n_subints"], chandra["dm"], chandra["dm_curve"]) == (64, None, [])
    matrix = compute(alerts_in(tmp_path), [feature.name for feature in features_of(())])
    assert np.isfinite(matrix[0, :8]).all()
