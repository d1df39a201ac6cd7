"""How the numerical kernels are compiled."""

import numpy as np
from numba import njit

kernel = njit(cache=True, nogil=True, error_model="numpy")
"""Compiled once per machine, lets other threads run, and divides like NumPy: x / 0 is infinite instead of an exception.

Without `fastmath`: which of several compiled copies of a kernel runs depends on what the process loaded first, and only strict IEEE
arithmetic is the same in all of them.
"""


@kernel
def fading(x: float) -> float:
    """exp(−x) for 0 ≤ x (and down to −100), to some 3e-12 of itself up to x = 700, and less than 1e-303 beyond.

    Taylor's polynomial to a power instead of the library's function: without a branch, so that loops over it become vectors.
    """
    # e^{−x} = (e^{−h} e^u)^4096 with u = h − x/4096 and h in the middle of what x/4096 may be
    u = 0.0859375 - min(x, 700.0) / 4096.0
    uu = u * u
    y = (
        (1.0 + u)
        + uu * (1.0 / 2.0 + u * (1.0 / 6.0))
        + uu * uu * ((1.0 / 24.0 + u * (1.0 / 120.0)) + uu * (1.0 / 720.0 + u * (1.0 / 5040.0) + uu * (1.0 / 40320.0)))
    )
    y *= 0.9176515826518158
    for _ in range(12):
        y *= y
    return float(y)


@kernel
def cosine_and_sine(turns: float) -> tuple[float, float]:
    """Give cos and sin of so many turns, |turns| < 2⁵⁰, to some 1e-15: without a branch, as :func:`fading`.

    Taylor's polynomials of a quarter of the angle, which is then doubled twice.
    """
    x = 0.5 * np.pi * (turns - np.rint(turns))
    z = x * x
    s = -1.0 / 5040.0 + z * (1.0 / 362880.0 + z * (-1.0 / 39916800.0 + z * (1.0 / 6227020800.0 - z * (1.0 / 1307674368000.0))))
    s = 1.0 + z * (-1.0 / 6.0 + z * (1.0 / 120.0 + z * s))
    c = -1.0 / 3628800.0 + z * (1.0 / 479001600.0 + z * (-1.0 / 87178291200.0 + z * (1.0 / 20922789888000.0)))
    c = 1.0 + z * (-1.0 / 2.0 + z * (1.0 / 24.0 + z * (-1.0 / 720.0 + z * (1.0 / 40320.0 + z * c))))
    s *= x
    for _ in range(2):
        c, s = 1.0 - 2.0 * s * s, 2.0 * c * s
    return c, s
