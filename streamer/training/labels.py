"""External labels to leaves of the taxonomy, by table and never by substring; a label that no table knows is no label.

The taxonomy (:mod:`streamer.classify.taxonomy`) holds the vocabularies of the field; here are those that only training data
use. What is left out on purpose stands in a table with an empty leaf, so that a label nobody thought of can be told from one
that was judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from streamer.classify import taxonomy

NO_LEAF = ""
"""The label says less, or something else, than any leaf."""


class Provenance(StrEnum):
    """How far a label can be trusted."""

    SPECTROSCOPIC = "spectroscopic"
    """A spectrum was taken of the object itself."""
    CATALOGUE = "catalogue"
    """A catalogue lists the object by its name."""
    POSITION = "position"
    """A machine match to a catalogue by position alone."""
    SIMULATED = "simulated"
    """The light curve was made from a model of the class."""


TNS_NO_LEAF = frozenset({"LBV", "Ca-rich", "other"})
"""Types of the Bright Transient Survey that are no leaf of ours; the others are in the taxonomy's ``tns`` table."""

COARSE: Mapping[str, str] = {
    "SNIa": "SNIa", "SNIbc": "SNIbc", "SNII": "SNII", "SNIIn": "SNII", "SLSN": "SLSN", "TDE": "TDE", "CV/Nova": "CV/Nova",
    "AGN": "AGN", "Blazar": "AGN", "YSO": "YSO", "LPV": "LPV", "CEP": "CEP", "RRL": "RRL", "DSCT": "DSCT", "EB": "EB",
    "ROT/RSCVn": "ROT",
    "Other var": NO_LEAF, "Other transient": NO_LEAF,
}  # fmt: skip
"""Summary classes of the labelled ZTF packets (``coarse`` in ``objects.csv``), put together from VSX, GCVS, SIMBAD and others."""

COARSE_PROVENANCE: Mapping[str, Provenance] = {
    "spec": Provenance.SPECTROSCOPIC, "tns(fink)": Provenance.SPECTROSCOPIC,
    "vsx": Provenance.POSITION, "gcvs": Provenance.POSITION, "simbad": Provenance.POSITION, "4lac/3hsp": Provenance.POSITION,
    "spicy": Provenance.POSITION,
}  # fmt: skip
"""Where a summary class is from (``coarse_src``)."""

PLASTICC: Mapping[int, str] = {
    90: "SNIa", 67: "SNIa", 52: "SNIa", 62: "SNIbc", 42: "SNII", 95: "SLSN", 15: "TDE", 64: "Kilonova", 65: "M-dwarf flare",
    6: "Microlensing", 88: "AGN", 92: "RRL", 16: "EB", 53: "LPV",
}  # fmt: skip
"""PLAsTiCC's class codes (Kessler et al. 2019); 67 is 91bg and 52 is Iax, subtypes of SN Ia."""


def leaf_of_tns(label: str) -> str:
    """The leaf of a TNS type; empty if it says less than a leaf or is in no table."""
    found = taxonomy.class_of_label(label, "tns")
    return found.name if found is not None and found in taxonomy.LEAVES else NO_LEAF
