"""Readers of the public data sets, one file each; a new one is a new file and one line in READERS."""

from streamer.training.sources import plasticc, ztf_bts, ztf_packets
from streamer.training.sources.reader import Reader

READERS: tuple[Reader, ...] = (
    Reader(ztf_bts.ORIGIN, "ztf", ztf_bts.read),
    Reader(ztf_packets.ORIGIN, "ztf", ztf_packets.read),
    Reader(plasticc.ORIGIN, "lsst", plasticc.read),
)
"""Every data set that a recipe can name."""
