"""Array types of this room and one counting helper: `tally`."""

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


def tally(codes: IntArray, weight: FloatArray, length: int) -> FloatArray:
    """(length,) total weight of each code 0 … length - 1."""
    return np.bincount(codes, weight, length).astype(np.float64, copy=False)
