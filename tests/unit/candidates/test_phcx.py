"""PulsarHunter's files: what they say, and what is refused."""

import gzip
import math

import numpy as np
import pytest

from streamer.candidates.phcx import read_phcx
from streamer.errors import InvalidData
from tests.unit.candidates.files import phcx

BOMB = "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'><!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;'>]>"
OUTSIDE = "<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/hostname'>]>"


def test_the_candidate_is_what_the_last_section_and_the_head_say() -> None:
    found = read_phcx(phcx().encode())
    assert (found.telescope, found.scan) == ("parkes", "scan-7")
    assert (found.ra, found.dec) == (251.5, -33.5)
    assert found.epoch == pytest.approx(54_000.005)
    assert (found.p_topo, found.p_bary, found.dm, found.snr) == (0.5, 0.50005, 10.5, 25.0)
    assert found.width == pytest.approx(0.0625 * 0.5)
    assert (found.centre_frequency, found.bandwidth) == (1382.0, 400.0)
    assert (found.profile.min(), found.profile.max()) == pytest.approx((-1.0, 2.6), abs=0.1)
    assert found.subints.shape == found.subbands.shape == (4, 16)


def test_the_dm_curve_is_that_of_dm_alone_in_rising_order() -> None:
    curve = read_phcx(phcx().encode()).dm_curve
    np.testing.assert_allclose(curve, [[0.0, 1.0], [10.0, 25.5], [20.0, 10.0], [30.0, 2.0]])


def test_sub_bands_go_from_low_to_high_frequency() -> None:
    falling, rising = (read_phcx(phcx(bandwidth=width).encode()).subbands for width in (-400.0, 400.0))
    assert falling[-1].max() == rising[0].max() == 0.0
    np.testing.assert_array_equal(falling, rising[::-1])


def test_gzip_makes_no_difference() -> None:
    plain, packed = read_phcx(phcx().encode()), read_phcx(gzip.compress(phcx().encode()))
    np.testing.assert_array_equal(plain.profile, packed.profile)


def test_what_was_not_measured_is_undefined() -> None:
    text = phcx().replace("<Width>0.0625</Width>", "<Width>-1.0</Width>").replace("<Dm>10.5</Dm>", "")
    found = read_phcx(text.encode())
    assert math.isnan(found.width)
    assert math.isnan(found.dm)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not XML"),
        ("<phcf>", "not XML"),
        ("<other/>", "'other' instead of 'phcf'"),
        ("<phcf/>", "no Section"),
        (phcx(prologue=BOMB), "definitions"),
        (phcx(prologue=OUTSIDE), "definitions"),
        (phcx(prologue="<?xml version='1.0' encoding='none-such'?>"), "not XML"),
        (phcx(ra="<RA units='hours'>1</RA>"), "hours"),
        (phcx(ra="<RA units='degrees'>400</RA>"), "position"),
        (phcx(ra=""), "position"),
        (phcx(start="soon"), "no number"),
        (phcx(start=""), "epoch"),
        (phcx(profile="<Profile nBins='16' format='02X' min='0' max='1'>00</Profile>"), "1 values instead of 16"),
        (phcx(profile="<Profile nBins='1' format='02X' min='0' max='1'>0G</Profile>"), "hexadecimal"),
        (phcx(profile="<Profile nBins='1' format='8.3f' min='0' max='1'>1.0</Profile>"), "format"),
        (phcx(profile="<Profile nBins='999999999' format='02X' min='0' max='1'>00</Profile>"), "nBins"),
        (phcx(profile="<Profile nBins='-1' format='02X' min='0' max='1'>00</Profile>"), "nBins"),
        (phcx(dm="<DmIndex nVals='4'>1 2 3</DmIndex>"), "3 values instead of 4"),
        (phcx(dm="<DmIndex nVals='1'>x</DmIndex>"), "no number"),
    ],
)
def test_what_is_wrong_is_said(text: str, says: str) -> None:
    with pytest.raises(InvalidData, match=says):
        read_phcx(text.encode())


def test_a_period_of_zero_is_no_candidate() -> None:
    text = phcx(period="0.0").replace("0.50005", "-1")
    with pytest.raises(InvalidData, match="period"):
        read_phcx(text.encode())


def test_gzip_that_was_cut_or_is_a_bomb_is_refused() -> None:
    with pytest.raises(InvalidData, match="gzip"):
        read_phcx(gzip.compress(phcx().encode())[:-20])
    with pytest.raises(InvalidData, match="64 MB"):
        read_phcx(gzip.compress(bytes(65 << 20), 1))
