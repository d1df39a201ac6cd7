from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.data.photometry import BANDS, Kind, flux_from_magnitude, magnitude_from_flux
from streamer.errors import InvalidData
from streamer.training.sources import READERS, plasticc, ztf_bts, ztf_packets
from streamer.training.sources.packet_context import Known
from streamer.training.sources.packet_context import joined as joined_context
from streamer.training.windows import WINDOW_DAYS
from tests.unit.training.tables import write_bts


def test_every_reader_says_what_its_data_are() -> None:
    for reader in READERS:
        assert all((reader.origin.what, reader.origin.source, reader.origin.licence, reader.origin.citation))
        assert reader.origin.nature in {"real", "simulated"}
    assert len({reader.origin.name for reader in READERS}) == len(READERS)


def test_bright_transients_become_flux_in_nanojansky_and_mjd_tai(tmp_path: Path) -> None:
    write_bts(tmp_path, 6)
    path = tmp_path / "lightcurves" / "ztf_bts_alert_photometry" / "lightcurves.parquet"
    points = pd.read_parquet(path)
    read = ztf_bts.read(tmp_path)
    assert read.label.tolist() == ["SNIa", "SNII", "CV/Nova"] * 2
    np.testing.assert_allclose(read.curves["epoch"] - points["mjd"], 37 / 86400, atol=1e-9)
    np.testing.assert_allclose(magnitude_from_flux(read.curves["flux"].astype(float)), points["mag"], atol=1e-5)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("magerr", 0.0, "row 3, column magerr: .* is not positive"),
        ("mag", np.nan, "row 3, column mag: .* is not a finite number"),
        ("band", "x", "row 3, column band: .* is not one of"),
        ("mjd", np.inf, "row 3, column mjd: .* is not a finite number"),
    ],
)
def test_a_bad_value_is_named_by_file_row_and_column(tmp_path: Path, column: str, value: object, message: str) -> None:
    write_bts(tmp_path, 6)
    path = tmp_path / "lightcurves" / "ztf_bts_alert_photometry" / "lightcurves.parquet"
    points = pd.read_parquet(path)
    points.loc[2, column] = value
    points.to_parquet(path)
    with pytest.raises(InvalidData, match=f"lightcurves.parquet: {message}"):
        ztf_bts.read(tmp_path)


def with_positions(folder: Path, **columns: list[object]) -> Path:
    """The Bright Transient Survey's files of two objects with more columns of labels."""
    write_bts(folder, 2)
    path = folder / "lightcurves" / "ztf_bts_alert_photometry" / "labels.csv"
    pd.read_csv(path).assign(**columns).to_csv(path, index=False)
    return folder


def test_printed_positions_become_degrees_and_keep_the_sign_of_a_zero(tmp_path: Path) -> None:
    read = ztf_bts.read(with_positions(tmp_path, RA=["12:30:36.0", "00:00:00"], Dec=["-00:30:00", "+44:07:12.0"]))
    assert read.position is not None
    np.testing.assert_allclose(read.position, [[187.65, -0.5], [0.0, 44.12]])


def test_a_position_may_be_missing_but_not_half_of_it_nor_be_wrong(tmp_path: Path) -> None:
    read = ztf_bts.read(with_positions(tmp_path / "one", RA=["12:30:36.0", None], Dec=["-00:30:00", None]))
    assert read.position is not None
    assert np.isnan(read.position).tolist() == [[False, False], [True, True]]
    with pytest.raises(InvalidData, match=r"labels.csv: row 2, column dec: nan is not on the sky"):
        ztf_bts.read(with_positions(tmp_path / "half", RA=["12:30:36.0", "01:00:00"], Dec=["-00:30:00", None]))
    with pytest.raises(InvalidData, match=r"labels.csv: row 1, column ra: 'noon' is not on the sky"):
        ztf_bts.read(with_positions(tmp_path / "text", RA=["noon", "01:00:00"], Dec=["-00:30:00", "00:00:00"]))
    assert ztf_bts.read(with_positions(tmp_path / "none")).position is None


def test_a_missing_file_column_or_group_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match=r"labels\.csv: no such file"):
        ztf_bts.read(tmp_path)
    write_bts(tmp_path, 4)
    folder = tmp_path / "lightcurves"
    pd.read_csv(folder / "groups.csv.gz").iloc[1:].to_csv(folder / "groups.csv.gz", index=False)
    with pytest.raises(InvalidData, match="1 objects of ztf_bts_alert_photometry have no group, ZTF20t0000 first"):
        ztf_bts.read(tmp_path)
    labels = folder / "ztf_bts_alert_photometry" / "labels.csv"
    pd.read_csv(labels).drop(columns="bts_type").to_csv(labels, index=False)
    with pytest.raises(InvalidData, match=r"labels\.csv: it lacks bts_type;"):
        ztf_bts.read(tmp_path)


def test_an_unknown_type_is_no_label_and_counted(tmp_path: Path) -> None:
    write_bts(tmp_path, 4)
    labels = tmp_path / "lightcurves" / "ztf_bts_alert_photometry" / "labels.csv"
    table = pd.read_csv(labels)
    table["bts_type"] = ["SN Ia", "SN Ia?", "LBV", "SN II"]
    table.to_csv(labels, index=False)
    read = ztf_bts.read(tmp_path)
    assert read.label.tolist() == ["SNIa", "", "", "SNII"]
    assert [(entry.reason, entry.count) for entry in read.dropped] == [("in no table", 1)]


def write_packets(data: Path, points: pd.DataFrame) -> None:
    """One object of the labelled ZTF packets with these points."""
    folder = data / "lightcurves" / "ztf_alert_packet_lightcurves"
    folder.mkdir(parents=True)
    pd.DataFrame({"objectId": ["ZTF1"], "coarse": ["Blazar"], "coarse_src": ["4lac/3hsp"]}).to_csv(
        folder / "objects.csv", index=False
    )
    points.to_parquet(folder / "lightcurves.parquet")
    groups = pd.DataFrame({"dataset": ["ztf_alert_packet_lightcurves"], "object_id": ["ZTF1"], "group": ["ZTF1"]})
    groups.to_csv(data / "lightcurves" / "groups.csv.gz", index=False)


def detections(days: list[float], source: list[str] | str) -> pd.DataFrame:
    """Detections of one object, `days` after some day."""
    return pd.DataFrame(
        {
            "objectId": "ZTF1", "jd": 2459000.5 + np.array(days), "fid": 1, "magpsf": 18.0, "sigmapsf": 0.1, "isdiffpos": "t",
            "diffmaglim": 20.0, "src": source, "isdet": True, "magnr": np.nan, "distnr": np.nan, "rb": np.nan, "drb": np.nan,
        }
    )  # fmt: skip


def test_of_collected_packets_only_triggers_and_what_other_packets_cover_have_their_whole_window(tmp_path: Path) -> None:
    packet, history = "packet", "packet_prv"
    days = [0.0, 20.0, 25.0, 40.0, 45.0, 55.0, 100.0, 110.0]
    write_packets(tmp_path, detections(days, [history, history, packet, history, history, packet, history, packet]))
    complete = ztf_packets.read(tmp_path).curves["complete"]
    # 25 and 55 are triggers which cover −5 … 55: inside that, 25 days at least after the beginning, lie 25, 40, 45 and 55
    assert complete.tolist() == [False, False, True, True, True, True, False, True]


def test_a_brokers_table_gives_whole_windows_a_window_after_its_first_entry(tmp_path: Path) -> None:
    write_packets(tmp_path, detections([0.0, 29.0, 30.0, 400.0], "alerce:table.csv"))
    assert ztf_packets.read(tmp_path).curves["complete"].tolist() == [False, False, True, True]


@given(st.lists(st.tuples(st.floats(0, 200), st.booleans()), min_size=1, max_size=12, unique_by=lambda point: point[0]))
def test_a_window_is_whole_where_collected_packets_leave_no_gap(points: list[tuple[float, bool]]) -> None:
    """Against a slow oracle: every instant at which coverage could end is asked for."""
    epoch = np.array([day for day, _ in points])
    source = np.array(["packet" if is_trigger else "packet_prv" for _, is_trigger in points])
    triggers = epoch[source == "packet"]
    days = WINDOW_DAYS["ztf"]

    def covered(day: float) -> bool:
        return bool(np.any((triggers - days <= day) & (day <= triggers)))

    expected = [
        covered(day)
        and covered(day - days)
        and all(covered(np.nextafter(edge, np.inf)) for edge in triggers if day - days <= edge < day)
        for day in epoch.tolist()
    ]
    assert ztf_packets.complete_windows(np.array(["A"] * len(points)), source, epoch).tolist() == expected


def test_packets_give_signed_detections_and_limits(tmp_path: Path) -> None:
    points = pd.DataFrame(
        {
            "objectId": "ZTF1", "jd": [2459000.5, 2459001.5, 2459002.5, 2459003.5], "fid": [1, 2, 2, 1],
            "magpsf": [18.0, 18.0, np.nan, np.nan], "sigmapsf": [0.1, 0.1, np.nan, np.nan], "isdiffpos": ["t", "f", None, None],
            "diffmaglim": [20.0, 20.0, 20.5, -999.0], "src": "packet", "isdet": [True, True, False, False],
            "magnr": [19.0, 19.0, np.nan, np.nan], "distnr": [0.5, 5.0, np.nan, np.nan], "rb": 0.5, "drb": [0.9, np.nan, 0.9, 0.9],
        }
    )  # fmt: skip
    write_packets(tmp_path, points)
    read = ztf_packets.read(tmp_path)
    assert read.label.tolist() == ["AGN"]
    assert read.provenance.tolist() == ["position"]
    assert read.curves["kind"].tolist() == [Kind.DETECTION, Kind.DETECTION, Kind.LIMIT]
    assert np.sign(read.curves["flux"]).tolist()[:2] == [1.0, -1.0]
    assert [(entry.reason, entry.count) for entry in read.dropped] == [("limit without depth", 1)]
    flux = read.curves["flux"][0]
    np.testing.assert_allclose(read.curves["total"], [flux + flux_from_magnitude(np.array(19.0)), np.nan, np.nan], rtol=1e-6)
    assert read.context is not None
    row = read.context.row(0)
    np.testing.assert_array_equal(row["reference_distance"], np.array([0.5, 5.0], dtype=np.float32))
    np.testing.assert_array_equal(row["real_bogus"], np.array([0.9, 0.5], dtype=np.float32))
    bare = read.bare()
    assert bare.context is None
    assert np.isnan(bare.curves["total"]).all()


def test_plasticc_flux_is_scaled_to_nanojansky_and_undetected_points_are_forced(tmp_path: Path) -> None:
    folder = tmp_path / "lightcurves" / "plasticc_train"
    folder.mkdir(parents=True)
    pd.DataFrame({"object_id": [7], "target": [64], "ra": [30.0], "decl": [-5.0]}).to_csv(folder / "metadata.csv.gz", index=False)
    pd.DataFrame(
        {
            "object_id": 7,
            "mjd": [60000.0, 60001.0],
            "passband": [0, 5],
            "flux": [1.0, -2.0],
            "flux_err": 1.0,
            "detected_bool": [1, 0],
        }
    ).to_parquet(folder / "lightcurves.parquet")
    groups = pd.DataFrame({"dataset": ["plasticc_train"], "object_id": ["7"], "group": ["7"]})
    groups.to_csv(tmp_path / "lightcurves" / "groups.csv.gz", index=False)
    read = plasticc.read(tmp_path)
    assert read.label.tolist() == ["Kilonova"]
    assert read.provenance.tolist() == ["simulated"]
    np.testing.assert_array_equal(read.position, [[30.0, -5.0]])
    assert read.curves["band"].tolist() == [BANDS.index("u"), BANDS.index("y")]
    assert read.curves["kind"].tolist() == [Kind.DETECTION, Kind.FORCED]
    np.testing.assert_allclose(magnitude_from_flux(read.curves["flux"].astype(float))[0], 27.5, atol=1e-6)


def test_of_two_parts_that_know_an_alert_the_earlier_is_believed() -> None:
    first = Known(np.array([1, -1]), np.array([5.0, 6.0]), {"star_galaxy": np.array([0.1, 0.2], dtype=np.float32)})
    second = Known(
        np.array([1, 0, 1]),
        np.array([5.0, 7.0, 4.0]),
        {name: np.array([0.5, 0.6, 0.7], dtype=np.float32) for name in ("star_galaxy", "n_history")},
    )
    context = joined_context([first, second], 3)
    assert context.lengths.tolist() == [1, 2, 0]
    assert context.row(1)["epoch"].tolist() == [4.0, 5.0]
    np.testing.assert_array_equal(context.row(1)["star_galaxy"], np.array([0.7, 0.1], dtype=np.float32))
    np.testing.assert_array_equal(context.row(1)["n_history"], np.array([0.7, np.nan], dtype=np.float32))
