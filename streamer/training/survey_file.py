"""What a survey's bands are, for light curves of surveys that streamer does not know: a small TOML file.

name = "my-survey"

[[bands]]
name = "V"
wavelength = 551.0     # nm, effective
zero_point = 25.0      # AB magnitude of a flux of 1; without it fluxes are in nJy
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from streamer.data.photometry import AB_ZERO_POINT_NJY, BANDS
from streamer.training.toml_file import Section, Survey, read_toml

FILE = "survey.toml"
"""The name under which a folder of light curves may bring its survey file."""


class Band(Section):
    """One band."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9]+$", max_length=16)]
    """Up to 16 letters and digits, as in the table and at the end of the names of its features."""
    wavelength: Annotated[float, Field(gt=10, lt=1e6)]
    """Effective wavelength, nm."""
    zero_point: float = AB_ZERO_POINT_NJY
    """AB magnitude of a flux of 1 in the table; as it stands, fluxes are in nJy."""

    @property
    def njy(self) -> float:
        """What one unit of the table's flux is, in nJy."""
        return float(10.0 ** (0.4 * (AB_ZERO_POINT_NJY - self.zero_point)))


class SurveyFile(Section):
    """A survey as its light curves need it."""

    name: Survey  # as in recipes and bundles
    bands: Annotated[tuple[Band, ...], Field(min_length=1, max_length=64)]
    """A section [[bands]] for each band, in any order: they are taken from blue to red."""

    @model_validator(mode="after")
    def _each_once(self) -> SurveyFile:
        names = sorted(band.name for band in self.bands)
        if twice := [one for one, other in pairwise(names) if one == other]:
            raise ValueError(f"bands {twice} are described twice")
        return self

    @property
    def blue_to_red(self) -> tuple[Band, ...]:
        """The bands in order of wavelength."""
        return tuple(sorted(self.bands, key=lambda band: (band.wavelength, band.name)))


DEFAULT = SurveyFile(
    name="own",
    bands=tuple(
        Band(name=name, wavelength=wavelength)
        for name, wavelength in zip(BANDS, (367.1, 482.7, 622.3, 754.6, 869.1, 971.2), strict=True)
    ),
)
"""Where nothing else is said: fluxes in nJy in the six bands of LSST (wavelengths to a few nm; only their order matters)."""


def read_survey(path: Path) -> SurveyFile:
    """The survey that a TOML file describes; InvalidConfig naming the file and what is wrong in it."""
    return read_toml(path, SurveyFile)[1]
