"""Names for the array types that the signatures use."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Bools: TypeAlias = NDArray[np.bool_]
Int8s: TypeAlias = NDArray[np.int8]
Int32s: TypeAlias = NDArray[np.int32]
Int64s: TypeAlias = NDArray[np.int64]
UInt64s: TypeAlias = NDArray[np.uint64]
Bytes: TypeAlias = NDArray[np.uint8]
Float32s: TypeAlias = NDArray[np.float32]
Float64s: TypeAlias = NDArray[np.float64]
Texts: TypeAlias = NDArray[np.bytes_]
"""UTF-8, zero padded (numpy ``S``); empty means absent."""
Column: TypeAlias = NDArray[Any]

MISSING = np.int64(np.iinfo(np.int64).min)
"""A null integer."""


def frozen(array: Column) -> Column:
    """Return a read-only view of `array`."""
    view = array.view()
    view.flags.writeable = False
    return view
