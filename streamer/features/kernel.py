"""How the numerical kernels are compiled."""

from numba import njit

kernel = njit(cache=True, nogil=True, error_model="numpy")
"""Compiled once per machine, lets other threads run, and divides like NumPy: x / 0 is infinite instead of an exception."""
