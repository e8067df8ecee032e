"""Array types of this room and two counting helpers: `tally` and `tally_cells`."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.integer]
"""Integers of any width: ids are kept as narrow as they come, so arithmetic on them widens first."""
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

BLOCK = 1 << 17
"""Votes handled at once: their temporaries stay in the processor's cache."""


def tally(codes: IntArray, weight: FloatArray | None, length: int) -> FloatArray:
    """(length,) total weight, or number, of each code 0 … length - 1."""
    return np.bincount(codes, weight, length).astype(np.float64, copy=False)


def tally_cells(
    columns: Sequence[IntArray],
    shape: tuple[int, ...],
    *,
    weight: FloatArray | None = None,
    keep: BoolArray | None = None,
) -> FloatArray:
    """Table of the given shape: total weight (or number) of rows with each combination of codes.

    Args:
        columns: One (N,) column of codes for each axis.
        shape: Size of each axis.
        weight: (N,); None counts rows, exactly.
        keep: (N,) rows that count; None: all.
    """
    length = int(np.prod(shape))
    total = np.zeros(length, dtype=np.int64 if weight is None else np.float64)
    for start in range(0, len(columns[0]), BLOCK):
        part = slice(start, start + BLOCK)
        key = columns[0][part].astype(np.int64)
        for column, size in zip(columns[1:], shape[1:], strict=True):
            key *= size
            key += column[part]
        heavy = None if weight is None else weight[part]
        if keep is not None:
            key = key[keep[part]]
            heavy = None if heavy is None else heavy[keep[part]]
        total += np.bincount(key, heavy, length)
    return total.reshape(shape).astype(np.float64, copy=False)
