"""Where `streamer train` and `streamer evaluate` look for data."""

from __future__ import annotations

from pathlib import Path

from streamer.errors import InvalidConfig

BESIDE = Path("../shared/data")
"""Where training data are looked for when nobody says where."""
LIGHT_CURVES = "lightcurves"
"""The folder by which training data are known."""


def data_folder(named: Path | None) -> Path:
    """The folder with the training data; InvalidConfig if nobody named one and none is beside the current folder."""
    if named is None and (BESIDE / LIGHT_CURVES).is_dir():
        return BESIDE
    if named is None:
        raise InvalidConfig(
            f"no training data: give --data DIR or set STREAMER_REAL_DATA (a folder with {LIGHT_CURVES}/ in it); "
            f"there is none in {BESIDE} either"
        )
    return named
