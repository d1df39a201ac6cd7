"""Readers of the public data sets, one file each; a new one is a new file and one line in READERS."""

from streamer.training.sources import (
    asas,
    crts,
    eros,
    literature,
    ogle,
    pantheon,
    plasticc,
    sdss,
    ztf_bts,
    ztf_dr,
    ztf_packets,
)
from streamer.training.sources.reader import Reader

READERS: tuple[Reader, ...] = (
    Reader(ztf_bts.ORIGIN, "ztf", ztf_bts.read),
    Reader(ztf_packets.ORIGIN, "ztf", ztf_packets.read),
    Reader(plasticc.ORIGIN, "lsst", plasticc.read),
    Reader(ztf_dr.VARIABLES, ztf_dr.SURVEY, ztf_dr.read_variables),
    Reader(ztf_dr.FIELD, ztf_dr.SURVEY, ztf_dr.read_field),
    Reader(asas.ORIGIN, "asas", asas.read),
    Reader(crts.ORIGIN, "crts", crts.read),
    Reader(eros.ORIGIN, "eros", eros.read),
    Reader(ogle.ORIGIN, "ogle", ogle.read),
    Reader(sdss.RRLYRAE, "sdss", sdss.read_rrlyrae),
    Reader(sdss.QUASARS, "sdss-ps1", sdss.read_quasars),
    Reader(literature.SLSN, literature.SURVEY, literature.read_slsn),
    Reader(literature.TDE, literature.SURVEY, literature.read_tde),
    Reader(literature.OPEN_CATALOGUE, literature.SURVEY, literature.read_open_catalogue),
    Reader(pantheon.ORIGIN, "pantheon", pantheon.read),
)
"""Every data set that a recipe can name."""
