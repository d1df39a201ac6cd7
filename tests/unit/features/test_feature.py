"""What every matrix of features goes through at last."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from streamer.data.arrays import Float64s
from streamer.features.feature import as_features


@given(arrays(np.float64, array_shapes(min_dims=2, max_dims=2, min_side=0), elements=st.floats()), st.booleans())
def test_what_is_no_finite_float32_is_nan(values: Float64s, is_transposed: bool) -> None:
    given_ = values.T if is_transposed else values
    with np.errstate(over="ignore"):
        expected = given_.astype(np.float32)
    expected[~np.isfinite(expected)] = np.nan
    found = as_features(given_)
    np.testing.assert_array_equal(found, expected, strict=True)
    assert not np.shares_memory(found, values)
