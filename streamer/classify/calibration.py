"""Temperatures that turn raw scores into honest probabilities, by the maturity of the light curve, and what sets are made from."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from streamer.classify.conformal import Conformal, conformal_of
from streamer.classify.manifest import CALIBRATION, json_object
from streamer.classify.maturity import bin_of
from streamer.data.arrays import Float64s, Int64s
from streamer.errors import InvalidBundle

CONFORMAL = "conformal"
"""Entry of the calibration's file with the classes of the conformal sets."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Temperature scaling (Guo et al. 2017) in bins of the number of detections.

    Parameters
    ----------
    first : tuple of int
        The smallest number of detections of each bin, rising; the bins meet, and the last has no upper end. Fewer detections than
        ``first[0]`` are treated as ``first[0]``.
    temperature : tuple of float
        > 0; 1 leaves the probabilities as they are, more makes them less sure.
    conformal : Conformal or None
        In the same bins; None gives no sets, and the most probable class answers.
    """

    first: tuple[int, ...]
    temperature: tuple[float, ...]
    conformal: Conformal | None = None

    def __post_init__(self) -> None:
        if not self.first or len(self.first) != len(self.temperature):
            raise InvalidBundle(f"{CALIBRATION}: needs one temperature for each bin, and at least one bin")
        if any(after <= before for before, after in pairwise(self.first)):
            raise InvalidBundle(f"{CALIBRATION}: the bins must rise")
        if not all(math.isfinite(value) and value > 0 for value in self.temperature):
            raise InvalidBundle(f"{CALIBRATION}: temperatures must be positive")
        if self.conformal is not None and self.conformal.first != self.first:
            raise InvalidBundle(f"{CALIBRATION}: the conformal sets must have the bins of the temperatures")

    @classmethod
    def single(cls, temperature: float) -> Calibration:
        """One temperature for every light curve."""
        return cls((1,), (temperature,))

    def temperatures(self, n_detections: Int64s) -> Float64s:
        """float64[n], the temperature for light curves with int64[n] detections."""
        chosen: Float64s = np.array(self.temperature)[bin_of(n_detections, self.first)]
        return chosen

    def probabilities(self, raw: Float64s, n_detections: Int64s) -> Float64s:
        """float64[n, k] softmax of float64[n, k] raw scores over their temperatures; each row sums to 1."""
        scaled = raw / self.temperatures(n_detections)[:, None]
        weights = np.exp(scaled - scaled.max(axis=1, keepdims=True, initial=-np.inf))
        probabilities: Float64s = weights / weights.sum(axis=1, keepdims=True)
        return probabilities

    def to_json(self) -> bytes:
        """The calibration's file: the temperature, a number or a list of bins, and the classes of the conformal sets."""
        if len(self.first) == 1:
            value: object = self.temperature[0]
        else:
            last = [*(first - 1 for first in self.first[1:]), None]
            value = [
                {"min_detections": low, "max_detections": high, "temperature": temperature}
                for low, high, temperature in zip(self.first, last, self.temperature, strict=True)
            ]
        temperature = json.dumps({"temperature": value}, indent=1)
        if self.conformal is None:
            return f"{temperature}\n".encode()
        classes = ",\n".join(f"  {json.dumps(each)}" for each in self.conformal.to_json())
        return f'{temperature[:-2]},\n "{CONFORMAL}": [\n{classes}\n ]\n}}\n'.encode()

    @classmethod
    def of_json(cls, raw: bytes) -> Calibration:
        """The calibration written in `raw`; InvalidBundle if it is none, or if its bins leave gaps."""
        tree = json_object(raw, CALIBRATION)
        temperatures = cls._temperatures_of(tree.get("temperature"))
        if CONFORMAL not in tree:
            return temperatures
        return replace(temperatures, conformal=conformal_of(tree[CONFORMAL], temperatures.first, f"{CALIBRATION}: {CONFORMAL}"))

    @classmethod
    def _temperatures_of(cls, value: Any) -> Calibration:
        if _is_number(value):
            return cls.single(float(value))
        if not isinstance(value, list) or not all(_is_bin(entry) for entry in value):
            raise InvalidBundle(f"{CALIBRATION}: temperature must be a number or a list of bins")
        _check_bins_meet(value)
        return cls(tuple(entry["min_detections"] for entry in value), tuple(float(entry["temperature"]) for entry in value))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_bin(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and type(entry.get("min_detections")) is int
        and (entry.get("max_detections") is None or type(entry["max_detections"]) is int)
        and _is_number(entry.get("temperature"))
    )


def _check_bins_meet(bins: Sequence[dict[str, Any]]) -> None:
    for before, after in pairwise(bins):
        if before["max_detections"] is None or before["max_detections"] + 1 != after["min_detections"]:
            raise InvalidBundle(
                f"{CALIBRATION}: bins must meet: {before['max_detections']} is followed by {after['min_detections']}"
            )
    if bins and bins[-1]["max_detections"] is not None:
        raise InvalidBundle(f"{CALIBRATION}: the last bin must have no upper end")
