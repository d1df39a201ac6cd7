"""Light-curve tables on disk: nothing is lost on the way there and back, and what is wrong is named by row and column."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.data.photometry import BANDS, Kind
from streamer.data.ragged import Ragged
from streamer.errors import InvalidConfig, InvalidData
from streamer.training.datasets import Dropped, LightCurves, joined
from streamer.training.packets import PACKET_SETS
from streamer.training.prepare import light_curves, prepare, survey_of
from streamer.training.sources import READERS
from streamer.training.survey_file import SurveyFile, read_survey
from streamer.training.tables import read_light_curves, write_table
from tests.unit.training.tables import table, write_bts

POINTS = {
    "object_id": ["a", "a", "b", "b"],
    "epoch": [59001.0, 59000.0, 59000.5, 59002.0],
    "band": ["g", "r", "g", "g"],
    "flux": [100.0, 120.0, -30.0, None],
    "flux_err": [5.0, 6.0, 7.0, 8.0],
    "kind": ["detection", "detection", "forced", "limit"],
}
V = '[[bands]]\nname = "V"\nwavelength = 551\n'
LABELS = {"object_id": ["b", "a"], "label": ["SNIa", None], "group": ["one", "two"]}


def folder_of(
    folder: Path, points: dict[str, list[object]] | None = None, labels: dict[str, list[object]] | None = None, csv: bool = False
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, columns in (("points", {**POINTS, **(points or {})}), ("labels", labels or LABELS)):
        frame = pd.DataFrame(columns)
        if csv:
            frame.to_csv(folder / f"{name}.csv", index=False)
        else:
            frame.to_parquet(folder / f"{name}.parquet")
    return folder


def written(light_curves: LightCurves, folder: Path) -> str:
    return write_table(replace(light_curves, origins=(READERS[0].origin,)), survey_of(light_curves), folder)


@given(data=st.data())
def test_what_is_written_is_read_back_to_the_bit(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    epochs = data.draw(st.lists(st.lists(st.floats(50_000, 60_000), min_size=1, max_size=8, unique=True), min_size=1, max_size=4))
    kinds = st.sampled_from([Kind.DETECTION, Kind.FORCED, Kind.LIMIT])
    curves: list[dict[str, object]] = []
    for epoch in epochs:
        kind = np.array([data.draw(kinds) for _ in epoch])
        flux = np.array([data.draw(st.floats(-1e6, 1e6, width=32)) for _ in epoch])
        curves.append({"epoch": sorted(epoch), "kind": kind, "flux": np.where(kind == Kind.LIMIT, np.nan, flux), "original": "x"})
    before = table(curves)
    folder = tmp_path_factory.mktemp("table") / "set"
    content = written(before, folder)
    after = read_light_curves(folder)
    assert after.digest() == before.digest() == content
    assert (after.survey, after.bands, after.origins) == (before.survey, before.bands, (READERS[0].origin,))
    assert after.original.tolist() == before.original.tolist()


def test_positions_are_kept_where_they_are_known_and_are_no_part_of_the_hash(tmp_path: Path) -> None:
    before = table([{"epoch": [59000.0]}, {"epoch": [59001.0]}])
    placed = replace(before, position=np.array([[10.0, -20.5], [np.nan, np.nan]]))
    assert written(placed, tmp_path / "set") == before.digest(), "nothing is learnt from them"
    after = read_light_curves(tmp_path / "set")
    np.testing.assert_array_equal(after.position, placed.position)
    assert read_light_curves(folder_of(tmp_path / "mine")).position is None


def test_joined_sets_keep_the_positions_that_they_know() -> None:
    known = replace(table([{"epoch": [59000.0], "object_id": "A"}]), position=np.array([[10.0, -20.5]]))
    unknown = table([{"epoch": [59000.0], "object_id": "A"}, {"epoch": [59000.0], "object_id": "B"}])
    np.testing.assert_array_equal(joined([known, unknown]).position, [[10.0, -20.5], [np.nan, np.nan]])
    assert joined([unknown]).position is None


def test_the_hash_is_of_the_content_and_not_of_how_parquet_lays_it_out(tmp_path: Path) -> None:
    light_curves = table([{"epoch": np.arange(59000.0, 59030.0)}, {"epoch": np.arange(59000.0, 59003.0)}])
    written(light_curves, tmp_path / "set")
    path = tmp_path / "set" / "points.parquet"
    whole = pq.read_table(path)
    before = path.read_bytes()
    pq.write_table(whole, path, row_group_size=7, compression="snappy")
    assert path.read_bytes() != before
    assert read_light_curves(tmp_path / "set").digest() == light_curves.digest()
    pq.write_table(whole.slice(1), path)
    with pytest.raises(InvalidData, match="changed or damaged since it was prepared"):
        read_light_curves(tmp_path / "set")


@pytest.mark.parametrize("csv", [False, True])
def test_a_users_table_may_have_its_rows_in_any_order(tmp_path: Path, csv: bool) -> None:
    light_curves = read_light_curves(folder_of(tmp_path, csv=csv))
    assert (light_curves.survey, light_curves.bands) == ("own", BANDS)
    assert light_curves.object_id.tolist() == ["b", "a"]
    assert light_curves.label.tolist() == ["SNIa", ""]
    assert light_curves.group.tolist() == ["one", "two"]
    row = light_curves.curves.row(1)
    assert row["epoch"].tolist() == [59000.0, 59001.0]
    assert row["flux"].tolist() == [120.0, 100.0]
    assert row["complete"].all()
    assert np.isnan(light_curves.curves.row(0)["flux"]).tolist() == [False, True]


def test_without_labels_every_object_is_there_and_its_own_group(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    (folder / "labels.parquet").unlink()
    light_curves = read_light_curves(folder)
    assert light_curves.object_id.tolist() == light_curves.group.tolist() == ["a", "b"]
    assert not light_curves.label.astype(bool).any()


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (
            {"band": ["g", "r", "V", "g"]},
            r"points.parquet: row 3, column band: 'V' is no band of survey own, which has u g r i z y",
        ),
        ({"flux_err": [5.0, -6.0, 7.0, 8.0]}, r"row 2, column flux_err: .*-6.0.* is not a positive number \(the only such row\)"),
        ({"flux_err": [5.0, 6.0, 0.0, None]}, r"row 3, column flux_err: .*0.0.* is not a positive number \(2 such rows\)"),
        ({"flux_err": [5.0, "abc", 7.0, 8.0]}, r"row 2, column flux_err: 'abc' is not a positive number \(the only such row\)"),
        ({"flux": [1.0, None, 2.0, 3.0]}, r"row 2, column flux: .*nan.* is not a finite number"),
        ({"epoch": [59000.0, 2459000.5, 1.0, 2.0]}, r"row 2, column epoch: .*2459000.5.* is no MJD between 20000 and 100000"),
        ({"epoch": ["yesterday", 1, 2, 3]}, r"row 1, column epoch: 'yesterday' is no MJD"),
        (
            {"epoch": [59001.0, 59001.0, 59000.5, 59002.0], "band": ["g", "g", "g", "g"]},
            r"rows 1 and 2, columns epoch, band, kind: a has two points of the same kind at 59001.0 in one band",
        ),
        (
            {"kind": ["detection", "seen", "forced", "limit"]},
            r"row 2, column kind: .*'seen'.* is not one of detection, forced, limit",
        ),
        ({"object_id": ["a", None, "b", "b"]}, r"row 2, column object_id: .* is empty"),
    ],
)
def test_a_wrong_point_is_named_by_row_and_column(tmp_path: Path, points: dict[str, list[object]], message: str) -> None:
    csv = any(isinstance(value, str) for name in ("epoch", "flux_err") for value in points.get(name, ()))  # Parquet has types
    with pytest.raises(InvalidData, match=message.replace("points.parquet", "points.csv" if csv else "points.parquet")):
        read_light_curves(folder_of(tmp_path, points, csv=csv))


def test_a_file_instead_of_the_folder_of_a_table_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match=r"points.parquet: a table is a folder .*: give the folder"):
        read_light_curves(folder_of(tmp_path) / "points.parquet")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            {"object_id": ["a", "c"], "label": ["SNIa", "SNII"]},
            "labels.parquet: row 2, column object_id: .*'c'.* has no light curve",
        ),
        ({"object_id": ["a", "b"], "label": ["SNIa", "SN Ia"]}, "row 2, column label: .*'SN Ia'.* is no leaf of the taxonomy"),
        ({"object_id": ["a", "a"], "label": ["SNIa", "SNII"]}, "row 2, column object_id: .*'a'.* is there twice"),
        (
            {"object_id": ["a", "b"], "group": ["one", "one"], "part": ["train", "test"]},
            "rows 1 and 2, column part: group 'one' is in two parts, 'train' and 'test'",
        ),
        ({"object_id": ["a", "b"], "ra": [10.0, 20.0], "dec": [0.0, 95.0]}, "row 2, column dec: 95.0 is not on the sky"),
        ({"object_id": ["a", "b"], "ra": [10.0, None]}, "row 1, column dec: nan is not on the sky; a position is ra and dec"),
        ({"object_id": ["a", "b"], "part": ["train", "exam"]}, "row 2, column part: .*'exam'.* is not one of train, validation"),
    ],
)
def test_a_wrong_label_is_named_by_row_and_column(tmp_path: Path, labels: dict[str, list[object]], message: str) -> None:
    with pytest.raises(InvalidData, match=message):
        read_light_curves(folder_of(tmp_path, labels=labels))


def test_a_folder_without_points_or_without_a_column_says_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match=r"no points.parquet or points.csv in it"):
        read_light_curves(tmp_path)
    pd.DataFrame({"object_id": ["a"]}).to_csv(tmp_path / "points.csv")
    with pytest.raises(InvalidData, match=r"it lacks epoch, band, flux, flux_err, kind; there"):
        read_light_curves(tmp_path)


def test_a_survey_file_names_other_bands_and_their_zero_points(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {"band": ["V", "I", "V", "V"]})
    bands = '[[bands]]\nname = "I"\nwavelength = 799.4\n[[bands]]\nname = "V"\nwavelength = 545.6\nzero_point = 23.9\n'
    (folder / "survey.toml").write_text(f'name = "mine"\n{bands}')
    light_curves = read_light_curves(folder)
    assert (light_curves.survey, light_curves.bands) == ("mine", ("V", "I"))
    microjansky = 1000.0
    np.testing.assert_allclose(light_curves.curves.row(1)["flux"], [120.0, 100.0 * microjansky], rtol=1e-6)
    assert len(set(light_curves.curves["band"].tolist())) == 2
    with pytest.raises(InvalidData, match=r"row 1, column band: 'V' is no band of survey other, which has B"):
        read_light_curves(folder, SurveyFile.model_validate({"name": "other", "bands": [{"name": "B", "wavelength": 434.4}]}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('name = "x"\nbands = []', r"bands \(.*survey.toml\): must have at least 1 entry"),
        (
            'name = "x"\n[[bands]]\nname = "V"\nwavelength = -1',
            r"^bands.wavelength \(.*survey.toml, \[\[bands\]\] number 1\): -1 is wrong: must be greater than 10$",
        ),
        ('name = "x"\n' + V * 2, r"bands \['V'\] are described twice"),
        ('name = "My Survey"\n' + V, r"name \(.*\): 'My Survey' is not allowed; .*small letters"),
        ('name = "x"\n[bands]\nname = "V"', r"must be a list of sections, \[\[bands\]\]"),
        ('name = "x"\nbands = ["V"]', r"bands \(.*, \[\[bands\]\] number 1\): must be a section, \[\[bands\]\]$"),
        ('name = "x"\n' + V + '[[bands]]\nname = "B"\nwavelenght = 440', r"number 2\): .* did you mean bands.wavelength\?"),
        ("name =", "not TOML"),
    ],
)
def test_a_wrong_survey_file_is_named_with_its_setting(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "survey.toml").write_text(text)
    with pytest.raises(InvalidConfig, match=message):
        read_survey(tmp_path / "survey.toml")


def test_context_is_kept_by_object_and_epoch(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    context = {"object_id": ["a", "b", "a"], "epoch": [59001.0, 59000.0, 59000.0], "star_galaxy": [0.9, None, 0.8]}
    pd.DataFrame(context).to_parquet(folder / "context.parquet")
    light_curves = read_light_curves(folder)
    assert light_curves.context is not None
    assert light_curves.context.row(1)["star_galaxy"].tolist() == [np.float32(0.8), np.float32(0.9)]
    assert np.isnan(light_curves.context.row(0)["star_galaxy"]).all()
    context["object_id"] = ["a", "b", "c"]
    pd.DataFrame(context).to_parquet(folder / "context.parquet")
    with pytest.raises(InvalidData, match=r"context.parquet: row 3, column object_id: .*'c'.* has no light curve"):
        read_light_curves(folder)


def test_a_column_of_context_that_one_set_lacks_is_undefined_there() -> None:
    first, second = (table([{"epoch": [1.0], "object_id": name}]) for name in "ab")
    columns = {"epoch": np.array([1.0]), "star_galaxy": np.array([0.5], dtype=np.float32)}
    with_context = LightCurves(
        **{name: getattr(first, name) for name in LightCurves.__slots__} | {"context": Ragged(np.array([0, 1]), columns)}
    )
    both = joined([with_context, second])
    assert both.context is not None
    assert both.context.lengths.tolist() == [1, 0]


def test_light_curves_of_different_surveys_are_not_joined() -> None:
    with pytest.raises(InvalidData, match="cannot be learnt from together"):
        joined([table([{"epoch": [1.0]}]), table([{"epoch": [1.0]}], survey="lsst")])


def test_prepared_sets_are_read_like_the_collected_ones(tmp_path: Path) -> None:
    write_bts(tmp_path / "data", 12)
    packets = PACKET_SETS[0]
    for folder in (packets.folder, packets.schemas):
        (tmp_path / "data" / folder).mkdir(parents=True)
    (tmp_path / "data" / packets.folder / "one.avro").write_bytes(b"packet")
    (tmp_path / "data" / packets.labels).write_text("labels")
    told: list[str] = []
    outcomes = list(prepare(tmp_path / "data", tmp_path / "tables", told.append))
    assert [outcome.folder.name for outcome in outcomes] == ["ztf_bts_alert_photometry"]
    assert told == ["reading ztf_bts_alert_photometry"]
    assert (tmp_path / "tables" / packets.folder / "one.avro").read_bytes() == b"packet"
    assert (tmp_path / "tables" / packets.labels).read_text() == "labels"
    reader = READERS[0]
    prepared, collected = (light_curves(reader.origin.name, folder) for folder in (tmp_path / "tables", tmp_path / "data"))
    assert prepared.digest() == collected.digest() == outcomes[0].content
    one = list(prepare(tmp_path / "data" / "lightcurves" / reader.origin.name, tmp_path / "one", told.append))
    assert [outcome.content for outcome in one] == [outcomes[0].content]
    with pytest.raises(InvalidConfig, match=r"neither a folder with lightcurves/ in it nor the folder of a known set"):
        list(prepare(tmp_path / "tables", tmp_path / "out", told.append))


def test_what_was_left_out_is_told_by_the_table(tmp_path: Path) -> None:
    light_curves = table([{"epoch": [59000.0], "label": "SNIa"}, {"epoch": [59000.0], "label": ""}])
    some = light_curves.where(light_curves.label != "", "objects", "no label")
    written(some, tmp_path / "set")
    assert read_light_curves(tmp_path / "set").dropped == (Dropped("here", "objects", "no label", 1),)
