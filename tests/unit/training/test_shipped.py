"""What the documentation says of the shipped variability models is said of these very bundles."""

import json
from pathlib import Path

import pytest

from streamer.classify.manifest import bundle_checksum
from streamer.stores.models import PACKAGED

DOCS = Path(__file__).parents[3] / "docs" / "models"
NAMES = sorted(path.name for path in PACKAGED.glob("variability-*"))


def test_every_shipped_model_has_its_documentation_and_no_other_has() -> None:
    assert sorted(path.name for path in DOCS.glob("variability-*")) == NAMES != []


@pytest.mark.parametrize("name", NAMES)
def test_the_documented_card_is_the_bundles(name: str) -> None:
    assert (DOCS / name / "card.md").read_bytes() == (PACKAGED / name / "card.md").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_the_documented_report_belongs_to_the_bundle(name: str) -> None:
    files = {path.name: path.read_bytes() for path in (PACKAGED / name).iterdir()}
    report = (DOCS / name / "report.md").read_text(encoding="utf-8")
    manifest = json.loads(files["manifest.json"])
    assert report.startswith(f"# {name} {manifest['version']}: report\n")
    assert f"Checksum of the bundle: `{bundle_checksum(files)}`" in report
    assert f"`{manifest['data_hash']}`" in report


@pytest.mark.parametrize("name", NAMES)
def test_the_manifests_figures_are_those_of_the_stored_evaluation(name: str) -> None:
    folder = PACKAGED / name
    metrics = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["metrics"]
    evaluation = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    overall = evaluation["cross_fitted"]["overall"]
    assert metrics["cross_fitted_macro_f1"] == overall["macro_f1"]["value"]
    assert metrics["cross_fitted_macro_f1_judged"] == overall["macro_f1_judged"]["value"]
    assert metrics["cross_fitted_judged_classes"] == len(overall["judged_classes"])
    assert not [figure for figure in metrics if figure.startswith("held_out")]
