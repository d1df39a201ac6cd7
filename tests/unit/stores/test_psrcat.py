"""Catalogue files of pulsars: units, what is derived, and what is refused."""

import math
from pathlib import Path

import pytest

from streamer.errors import InvalidData
from streamer.stores.psrcat import Pulsar, known_pulsars, read_psrcat

TWO = """#CATALOGUE 1.0
# a comment
PSRJ     J0006+1834                    cnt96
RAJ      00:06:04.8               2    cn95
DECJ     -18:34:59                4    cn95
P0       0.69374767047            14   cn95
P1       2.097E-15                12   cn95
DM       12.0                     6    cn95
@-----------------------------------------------------------------
PSRJ     J2339-0533                    rbs+14
ELONG    90                       1
ELAT     0
F0       100                      2    pc15
F1       -1E-15                   8    pc15
FB0      1.1574074074074073E-5    1    pc15
A1       0.611656                 4    pc15
EPS1     3E-5
EPS2     -4E-5
ASSOC    GC:M28
@---
"""


def catalogue(folder: Path, text: str) -> Path:
    path = folder / "psrcat.db"
    path.write_text(text)
    return path


def pulsars(folder: Path, text: str = TWO) -> tuple[Pulsar, ...]:
    return read_psrcat(catalogue(folder, text))[0]


def test_numbers_are_in_the_units_of_the_packet(tmp_path: Path) -> None:
    one, _ = pulsars(tmp_path)
    assert (one.name, one.period, one.period_derivative, one.dm) == ("J0006+1834", 0.69374767047, 2.097e-15, 12.0)
    assert one.ra == pytest.approx(15 * (6 / 60 + 4.8 / 3600))
    assert one.dec == pytest.approx(-(18 + 34 / 60 + 59 / 3600))
    assert math.isnan(one.orbital_period)
    assert math.isnan(one.axis)


def test_what_is_given_in_other_terms_is_derived(tmp_path: Path) -> None:
    _, other = pulsars(tmp_path)
    assert (other.period, other.period_derivative) == pytest.approx((0.01, 1e-19))
    assert other.orbital_period == pytest.approx(1.0)
    assert other.eccentricity == pytest.approx(5e-5)
    assert (other.ra, other.dec) == pytest.approx((90.0, 84_381.406 / 3600))  # the summer solstice
    assert (other.associations, math.isnan(other.dm)) == ("GC:M28", True)


def test_minutes_may_be_all_there_is_and_the_last_pulsar_needs_no_end(tmp_path: Path) -> None:
    [one] = pulsars(tmp_path, "PSRB B1\nRAJ 12:30\nDECJ +05\n")
    assert (one.name, one.ra, one.dec) == ("B1", 187.5, 5.0)
    [nowhere] = pulsars(tmp_path, "PSRB B1\nP0 0\n@\nP0 1.0\n@\n")
    assert math.isnan(nowhere.ra)
    assert math.isnan(nowhere.dec)
    assert math.isnan(nowhere.period)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no pulsar"),
        ("name,period\nCrab,0.033\n", "no pulsar"),
        ("PSRJ J0\nP0 fast\n", "line 2: P0 'fast'"),
        ("PSRJ J0\n\nRAJ 12h30\nDECJ 1\n", "line 3: RAJ '12h30'"),
        ("PSRJ J0\nRAJ 12:30\nDECJ\n", "line 3: DECJ ''"),
    ],
)
def test_a_file_that_is_no_catalogue_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InvalidData, match=message):
        pulsars(tmp_path, text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match=r"psrcat\.db"):
        read_psrcat(tmp_path / "psrcat.db")


@pytest.mark.real_data
def test_the_real_catalogue_is_read_whole(real_data: Path) -> None:
    found, _ = read_psrcat(real_data / "pulsars" / "catalogues" / "psrcat_v1.54.db")
    by_name = {pulsar.name: pulsar for pulsar in found}
    assert len(found) == 2570
    crab, hulse = by_name["J0534+2200"], by_name["J1915+1606"]
    assert (crab.ra, crab.dec, crab.period, crab.dm) == pytest.approx((83.633, 22.0145, 0.0334, 56.79), rel=2e-3)
    assert (hulse.orbital_period, hulse.axis, hulse.eccentricity) == pytest.approx((0.323, 2.342, 0.617), rel=1e-3)
    assert sum(math.isnan(pulsar.dec) for pulsar in found) == 6


@pytest.mark.parametrize("wrong", ["DECJ inf", "DECJ 95:00", "RAJ nan", "RAJ 25:00", "P0 inf", "P0 -1"])
def test_a_pulsar_without_a_place_on_the_sky_or_a_period_is_nothing_to_compare_with(tmp_path: Path, wrong: str) -> None:
    good = {"RAJ": "RAJ 10:00", "DECJ": "DECJ 10:00", "P0": "P0 1"}
    bad = good | {wrong.partition(" ")[0]: wrong}
    text = "\n".join(["PSRJ good", *good.values(), "@", "PSRJ bad", *bad.values(), "@\n"])
    assert known_pulsars(catalogue(tmp_path, text)).name == ("good",)
