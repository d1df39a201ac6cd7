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
    REOBSERVED = "re-observed"
    """The object is real, but its light curve is what our survey would have seen of another survey's (see `reobservation`)."""


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


ASAS: Mapping[str, str] = {
    "Mira": "LPV", "Semireg_PV": "LPV", "LSP": "LPV", "SARG_A": "LPV", "SARG_B": "LPV", "RSG": "LPV",
    "RR_Lyrae_FM": "RRL", "RR_Lyrae_FO": "RRL",
    "Classical_Cepheid": "CEP", "PopII_Cepheid": "CEP", "MultiMode_Cepheid": "CEP", "RV_Tauri": "CEP",
    "W_Ursae_Maj": "EB", "Beta_Lyrae": "EB", "Beta_Persei": "EB", "Delta_Scuti": "DSCT", "SX_Phe": "DSCT",
    "Weakline_T_Tauri": "YSO", "ClassT_Tauri": "YSO", "Herbig_AEBE": "YSO", "ChemPeculiar": "ROT", "RS_CVn": "ROT",
    "RCB": NO_LEAF, "Beta_Cephei": NO_LEAF, "Pulsating_Be": NO_LEAF, "S_Doradus": NO_LEAF,
}  # fmt: skip
"""Classes of the ASAS training set of Richards et al. 2012 (LSP: long secondary periods; SARG: small-amplitude red giants)."""

CRTS: Mapping[str, str] = {
    "RRab": "RRL", "RRc": "RRL", "RRd": "RRL", "Blazhko": "RRL", "EA": "EB", "EW": "EB", "beta_lyrae": "EB", "RS_CVn": "ROT",
    "ELL": "ROT", "LPV": "LPV", "HADS": "DSCT", "LADS": "DSCT", "Cep_II": "CEP", "ACEP": "CEP",
    "PCEB": NO_LEAF, "Hump": NO_LEAF,
}  # fmt: skip
"""Classes of Drake et al. 2014. Post-common-envelope binaries vary by reflection as well as by eclipses; ``Hump`` is not explained
there."""

EROS: Mapping[str, str] = {"RRL": "RRL", "CEP": "CEP", "EB": "EB", "LPV(Mira)": "LPV"}
"""Classes of the EROS-2 stars."""

OGLE: Mapping[str, str] = {"microlensing": "Microlensing"}
"""The one class of the OGLE-II events."""

STRIPE_82: Mapping[str, str] = {"ab": "RRL", "c": "RRL"}
"""Types of the RR Lyrae stars of Stripe 82 (Sesar et al. 2010)."""

AMATEUR: Mapping[str, str] = {"EA": "EB", "EW": "EB", "EA+HB": "EB", "EA/WD": "EB", "EA+BY": "EB", "L|SRB": "LPV"}
"""VSX types, some of them double, of the amateurs' variables."""

OSC: Mapping[str, str] = {
    "Ia": "SNIa", "Ia Pec": "SNIa", "Ia-91T": "SNIa", "Ia-91bg": "SNIa", "Ia-02cx": "SNIa", "Ia-HV": "SNIa",
    "Ib": "SNIbc", "Ic": "SNIbc", "Ib/c": "SNIbc", "Ic BL": "SNIbc", "BL-Ic": "SNIbc", "Ibn": "SNIbc",
    "Ib Pec": "SNIbc", "Ib-Ca": "SNIbc",
    "II": "SNII", "II P": "SNII", "IIn": "SNII", "IIb": "SNII", "II Pec": "SNII",
    "SLSN": "SLSN", "SLSN-I": "SLSN", "SLSN-II": "SLSN", "SLSN-R": "SLSN", "SLSN-I-R": "SLSN", "Super-Luminous Ic": "SLSN",
    "I": NO_LEAF, "CC": NO_LEAF, ".Ia": NO_LEAF, ".IaPec": NO_LEAF, "Ca-rich": NO_LEAF, "Ia Pec?": NO_LEAF, "IIn?": NO_LEAF,
    "Lensed SN Ia": NO_LEAF, "Ib/IIb": NO_LEAF, "IIn/Ibn": NO_LEAF, "IIb/Ib/Ic": NO_LEAF, "LBV to IIn": NO_LEAF,
}  # fmt: skip
"""Claimed types of the Open Supernova Catalog; doubtful ones, and a supernova whose light curve a lens changed, have no leaf."""


def leaf_of_tns(label: str) -> str:
    """The leaf of a TNS type; empty if it says less than a leaf or is in no table."""
    found = taxonomy.class_of_label(label, "tns")
    return found.name if found is not None and found in taxonomy.LEAVES else NO_LEAF
