"""What is assumed of each class where a template does not show it: how to find its shape, and how it looks in other bands.

Most templates have one band. A star's other bands are those of a black body: its mean colour is that of its temperature, and where
it varies because its temperature does, the amplitude in magnitudes goes as x / (1 − exp(−x)) with x = hc / λkT, the logarithmic
derivative of Planck's law. Radii change too; that is left out (for RR Lyrae stars g varies 1.3 times as much as r by this rule,
1.4 times in the sky). Temperatures are round typical values (e.g. Catelan & Smith 2015, *Pulsating Stars*), with a tenth of
scatter between objects, which also stands for dust.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

SCATTER = 0.1
"""Standard deviation of the logarithm of the temperature between objects of one class."""
_HC_OVER_K = 1.438777e7  # nm K


@dataclass(frozen=True, slots=True)
class Nature:
    """One class.

    Parameters
    ----------
    way : ``periodic``, ``smooth`` or ``transient``
        A folded series; a local mean of a star's light; the same of what was not there before, in each band of its own.
    temperature : float, K
        Of the black body; 0 for transients, whose bands are their own.
    grey : bool
        Varies alike in all bands, as eclipses of like stars do.
    cycles : int
        Peaks of the light curve in one period: the search finds the time between eclipses, which may differ.
    width : float, d
        Of the local mean's kernel; 0 for periodic ones.
    """

    way: Literal["periodic", "smooth", "transient"]
    temperature: float = 0.0
    grey: bool = False
    cycles: int = 1
    width: float = 0.0


NATURES: Mapping[str, Nature] = {
    "RRL": Nature("periodic", 6700.0),
    "CEP": Nature("periodic", 5700.0),
    "DSCT": Nature("periodic", 7400.0),
    "EB": Nature("periodic", 6000.0, grey=True, cycles=2),
    "ROT": Nature("periodic", 4900.0),
    "LPV": Nature("smooth", 3100.0, width=10.0),
    "SNIa": Nature("transient", width=3.0),
    "SNIbc": Nature("transient", width=3.0),
    "SNII": Nature("transient", width=5.0),
    "SLSN": Nature("transient", width=5.0),
    "TDE": Nature("transient", width=5.0),
}
"""Classes that can be re-observed. Quasars and young stars vary irregularly between the points of any survey, and flares, novae and
microlensing events are too few or too rare among the templates."""


def relative_flux(wavelength: float, of: float, temperature: float) -> float:
    """Flux density (per frequency) of a black body at `wavelength` over that at wavelength `of`, both nm, temperature in K."""
    x, x_of = _HC_OVER_K / (wavelength * temperature), _HC_OVER_K / (of * temperature)
    return float((of / wavelength) ** 3 * np.expm1(x_of) / np.expm1(x))


def relative_amplitude(wavelength: float, of: float, temperature: float) -> float:
    """Amplitude in magnitudes of a black body whose temperature varies, at `wavelength` over that at wavelength `of`."""
    x, x_of = _HC_OVER_K / (wavelength * temperature), _HC_OVER_K / (of * temperature)
    return float(x / -np.expm1(-x) * -np.expm1(-x_of) / x_of)
