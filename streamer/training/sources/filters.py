"""Filters of the literature: where their light lies, and what a magnitude in the system of Vega is in AB.

Effective wavelengths and AB − Vega of the Johnson, Cousins, 2MASS and SDSS filters are those of Blanton & Roweis 2007, AJ 133, 734
(Table 1); of UVOT those of Poole et al. 2008, MNRAS 383, 627 and Breeveld et al. 2011, AIP Conf. Proc. 1358, 373; of ATLAS those of
Tonry et al. 2018, PASP 130, 064505, and of Pan-STARRS1 y those of Tonry et al. 2012, ApJ 750, 99.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from streamer.data.arrays import Bools, Float64s, Int8s
from streamer.data.photometry import codes_of_bands, flux_from_magnitude
from streamer.training.datasets import Names


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter.

    Parameters
    ----------
    wavelength : float, nm
        Effective wavelength.
    ab_minus_vega : float, mag
        What is added to a magnitude in the system of Vega.
    """

    wavelength: float
    ab_minus_vega: float


FILTERS: Mapping[str, Filter] = {
    "uvw2": Filter(192.8, 1.73), "uvm2": Filter(224.6, 1.69), "uvw1": Filter(260.0, 1.51), "u": Filter(354.6, 0.91),
    "U": Filter(357.1, 0.79), "B": Filter(434.4, -0.09), "g": Filter(467.0, -0.08), "c": Filter(533.0, 0.0),
    "V": Filter(545.6, 0.02), "r": Filter(615.6, 0.16), "R": Filter(644.2, 0.21), "o": Filter(679.0, 0.0),
    "i": Filter(747.2, 0.37), "I": Filter(799.4, 0.45), "z": Filter(891.7, 0.54), "y": Filter(962.0, 0.63),
    "J": Filter(1235.5, 0.91), "H": Filter(1645.8, 1.39), "K": Filter(2160.3, 1.85),
}  # fmt: skip
"""By the names that the tables use, blue to red. ATLAS has no magnitudes in the system of Vega."""
ALL = tuple(FILTERS)
UNKNOWN = -1
"""Code of a filter that no table of ours knows."""

NAMES: Mapping[str, str] = {
    **{name: name for name in FILTERS},
    "UVW1": "uvw1", "UVW2": "uvw2", "UVM2": "uvm2", "W2": "", "W1": "", "M2": "uvm2",
    "u'": "u", "g'": "g", "r'": "r", "i'": "i", "z'": "z", "R_c": "R", "Rc": "R", "Ic": "I", "Ks": "K", "KS": "K",
    "b": "B", "v": "V", "iP1": "i", "zP1": "z", "yP1": "y", "Y": "y", "cyan": "c", "orange": "o", "Rs": "R",
}  # fmt: skip
"""How filters are written in collections of supernovae. ``W1`` and ``W2`` may be UVOT's or WISE's and are none; unfiltered light
(``C``, ``clear`` …), Gaia's G and filters wider than one band are left out."""


def codes_of(names: Names, spelled: Mapping[str, str], bands: tuple[str, ...]) -> Int8s:
    """int8[n] codes of filters written as in `spelled`, in a survey with `bands`; :data:`UNKNOWN` for one that is not there."""
    place = dict(zip(bands, codes_of_bands(bands), strict=True))
    unique, inverse = np.unique(names, return_inverse=True)
    found: Int8s = np.array([place.get(spelled.get(name, ""), UNKNOWN) for name in unique.tolist()], dtype=np.int8)[inverse]
    return found


def ab_flux(magnitude: Float64s, names: Names, spelled: Mapping[str, str], is_vega: Bools) -> Float64s:
    """float64[n] flux, nJy, of magnitudes in filters written as in `spelled`; `is_vega` marks magnitudes in the system of Vega."""
    unique, inverse = np.unique(names, return_inverse=True)
    known = [FILTERS.get(spelled.get(name, "")) for name in unique.tolist()]
    offset = np.array([0.0 if one is None else one.ab_minus_vega for one in known])[inverse]
    return flux_from_magnitude(magnitude + np.where(is_vega, offset, 0.0))
