"""Prints, bit by bit, what the kernels with the longest sums give for some light curves."""

from __future__ import annotations

import numpy as np

from streamer.features.spectrum import power_at, prepare_band
from streamer.features.supernova import PENALTIES, fit
from streamer.features.timescales import LAGS, SCALES, filtered_variance, structure

CURVES = 20


def numbers(seed: int) -> list[float]:
    """Of one light curve of 5 … 60 points over 60 days."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(5, 60))
    t = np.sort(rng.uniform(-20.0, 40.0, n))
    e = rng.uniform(0.01, 0.1, n)
    f = np.exp(-t / 25.0) / (1.0 + np.exp(-t / 3.0)) + e * rng.normal(size=n)
    weight, residual, amplitude, parameters = np.empty(n), np.empty(n), np.zeros(1), np.empty(5)
    chi2 = np.array([prepare_band(f, e, weight, residual)])
    power = power_at(np.array([0, n]), t, weight, residual, chi2, rng.uniform(0.1, 9.0), amplitude)
    fitted = fit(t, f, 1.0 / e, PENALTIES, parameters)
    return [
        *(filtered_variance(t, f, e, scale) for scale in SCALES),
        *structure(t, f, e, LAGS),
        power,
        *amplitude.tolist(),
        *fitted,
        *parameters.tolist(),
    ]


if __name__ == "__main__":
    for seed in range(CURVES):
        print(*(float(number).hex() for number in numbers(seed)))
