"""Topocentric periods brought to the barycentre."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from streamer.candidates.barycentre import with_barycentric_period
from streamer.candidates.candidate import Candidate
from streamer.candidates.phcx import read_phcx
from tests.unit.candidates.files import phcx


def topocentric(content: bytes) -> Candidate:
    return replace(read_phcx(content), p_bary=math.nan)


@pytest.mark.real_data
def test_it_is_the_period_that_the_search_itself_found(real_data: Path) -> None:
    content = (real_data / "pulsars/raw_candidates/pulsarfeaturelab/htru2_c1.phcx.gz").read_bytes()
    searched = read_phcx(content)
    assert with_barycentric_period(topocentric(content)).p_bary == pytest.approx(searched.p_bary, rel=5e-8)
    assert abs(searched.p_bary / searched.p_topo - 1) > 2e-5


def test_the_earth_cannot_change_a_period_by_more_than_its_speed() -> None:
    found = with_barycentric_period(topocentric(phcx().encode()))
    assert 0 < abs(found.p_bary / found.p_topo - 1) < 1.1e-4


def test_a_known_period_and_an_unknown_telescope_are_left_alone() -> None:
    known = read_phcx(phcx().encode())
    assert with_barycentric_period(known) is known
    elsewhere = replace(topocentric(phcx().encode()), telescope="nowhere")
    assert math.isnan(with_barycentric_period(elsewhere).p_bary)
