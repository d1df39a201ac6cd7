"""PRESTO's fold files: whole, cut, mutated; and what is made of them."""

import math
import struct
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamer.candidates.candidate import Candidate, averaged, record_of
from streamer.candidates.dedispersed import candidate_of
from streamer.candidates.pfd import MAX_BINS, read_pfd
from streamer.codec.encode import RecordWriter
from streamer.errors import InvalidData
from streamer.stores.bundled import bundled_schema
from tests.unit.candidates.files import FoldFile

WHOLE = FoldFile().content()


def candidate(**kind: object) -> Candidate:
    return candidate_of(read_pfd(FoldFile(**kind).content()))  # type: ignore[arg-type]  # the fields differ in type


@pytest.mark.parametrize("order", "<>")
def test_both_byte_orders_say_the_same(order: str) -> None:
    fold = read_pfd(FoldFile(order).content())
    assert (fold.file, fold.candidate, fold.telescope) == ("obs.fil", "PSR_TEST", "MeerKAT")
    assert (fold.ra, fold.dec, fold.channels, fold.dm) == ("12:30:00.0", "-45:15:00.0", 256, 30.0)
    assert fold.topocentric.first == 0.1
    assert fold.trial_dms.tolist() == [0.0, 30.0, 60.0]
    np.testing.assert_array_equal(fold.profiles, FoldFile().profiles())


def test_the_candidate_is_what_the_file_says() -> None:
    found = candidate()
    assert (found.ra, found.dec) == (187.5, -45.25)
    assert found.t_obs == pytest.approx(600.0)
    assert found.epoch == pytest.approx(60_000.0 + 300.0 / 86_400.0)
    assert (found.centre_frequency, found.bandwidth) == (1327.5, 256.0)
    assert found.p_topo == 0.1
    assert math.isnan(found.p_bary)
    assert (found.profile.shape, found.subints.shape, found.subbands.shape) == ((64,), (16, 64), (8, 64))


@pytest.mark.parametrize("drift", [0.0, 0.7, -0.3, 2.5])
def test_parts_and_bands_are_brought_into_step(drift: float) -> None:
    found = candidate(drift=drift)
    for row in (*found.subints, *found.subbands):
        away = (int(np.argmax(np.convolve(np.tile(row, 3), np.ones(5), "same")[64:128])) - 25 + 32) % 64 - 32
        assert abs(away) <= 3
    assert found.snr == pytest.approx(candidate().snr, rel=0.1)


def test_the_dm_curve_peaks_at_the_best_dm_and_contains_it() -> None:
    found = candidate()
    dm, snr = found.dm_curve.T
    assert (np.diff(dm) > 0).all()
    assert (dm[0], dm[-1]) == (0.0, 60.0)
    assert abs(dm[np.argmax(snr)] - 30.0) < 4.0
    assert snr[dm == 30.0] == pytest.approx(found.snr)
    assert snr[0] < 0.6 * snr.max()


def test_without_an_expected_variance_the_quietest_third_is_the_noise() -> None:
    assert candidate(variance=0.0).snr > 0
    assert candidate(variance=4.0).snr == pytest.approx(candidate(variance=1.0).snr / 2, rel=0.2)


def test_one_sub_band_has_neither_bands_nor_a_curve() -> None:
    record = record_of(candidate(bands=1), b"x")
    assert (record["subbands"], record["n_subbands"], record["dm_curve"]) == (None, None, [])


def test_rows_and_bins_of_the_packet_are_bounded_and_keep_their_mean() -> None:
    found = candidate(parts=100, bins=256)
    record = record_of(found, b"x")
    assert (record["n_subints"], len(record["subints"])) == (64, 64 * 128)
    assert len(record["profile"]) == 256
    assert np.mean(record["subints"]) == pytest.approx(found.subints.mean())


@given(n=st.integers(1, 40), most=st.integers(1, 12))
def test_averaging_is_the_mean_of_what_is_overlapped(n: int, most: int) -> None:
    rows = np.random.default_rng(n).normal(size=(n, 3))
    found = averaged(rows, most)
    if n <= most:
        assert found is rows
        return
    fine = np.repeat(rows, most, axis=0).reshape(most, n, 3).mean(axis=1)
    np.testing.assert_allclose(found, fine, atol=1e-12)


@pytest.mark.parametrize("size", [0, 3, 47, 48, 60, 120, 150, 300, 500, len(WHOLE) // 2, len(WHOLE) - 1])
def test_a_file_that_was_cut_says_so(size: int) -> None:
    with pytest.raises(InvalidData, match=r"ends within|no fold"):
        read_pfd(WHOLE[:size])


def test_more_than_a_fold_is_none() -> None:
    with pytest.raises(InvalidData, match="3 bytes behind"):
        read_pfd(WHOLE + b"abc")


@pytest.mark.parametrize(
    ("place", "value"),
    [(0, -1), (3, 0), (4, 2**31 - 1), (5, 2**30), (6, 0), (6, 3), (12, -5), (12, 2**31 - 1), (1, 2**20)],
)
def test_counts_that_no_file_of_that_size_can_have_are_refused_before_anything_is_made(place: int, value: int) -> None:
    with pytest.raises(InvalidData):
        read_pfd(WHOLE[: 4 * place] + struct.pack("<i", value) + WHOLE[4 * place + 4 :])


def test_a_profile_with_more_bins_than_any_fold_is_refused() -> None:
    with pytest.raises(InvalidData, match="no sensible fold"):
        read_pfd(FoldFile(parts=1, bands=2, bins=2 * MAX_BINS).content())


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 420), st.integers(0, 255)), min_size=1, max_size=6), st.booleans())
def test_a_mutated_head_gives_a_candidate_or_a_clear_error(changes: list[tuple[int, int]], cut: bool) -> None:
    raw = bytearray(FoldFile(parts=3, bands=2, bins=8).content())
    for place, value in changes:
        raw[place] = value
    with suppress(InvalidData):
        record_of(candidate_of(read_pfd(bytes(raw[:-1] if cut else raw))), b"x")


@pytest.mark.parametrize("position", [b"Unknown".ljust(16, b"\0"), b"", b"x:y".ljust(16, b"\0") * 2])
def test_without_a_position_there_is_no_candidate(position: bytes) -> None:
    with pytest.raises(InvalidData, match=r"position|behind the end|ends within"):
        candidate(position=position)


ABSURD = (math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324, -1.0, 0.0)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from(ABSURD)), min_size=1, max_size=4))
def test_absurd_numbers_give_a_packet_without_them_or_a_clear_error(changes: list[tuple[int, float]]) -> None:
    raw = bytearray(FoldFile(parts=3, bands=2, bins=8).content())
    begin = raw.index(b"-45:15") + 16
    for place, value in changes:
        struct.pack_into("<d", raw, begin + 8 * place, value)
    with suppress(InvalidData):
        RecordWriter(bundled_schema("pulsar_candidate", "1.0"))(record_of(candidate_of(read_pfd(bytes(raw))), b"x"))
