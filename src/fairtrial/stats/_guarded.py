"""A mean of values between -1 and 1 whose error never vanishes. Read `guarded_mean` first."""

import numpy as np
from numpy.typing import ArrayLike

from fairtrial.core import BadInput
from fairtrial.stats._arrays import FloatArray, IntArray

PSEUDO = 2
"""Pseudo-values added: one at each end of the scale."""


def guarded_mean(values: FloatArray) -> tuple[float, float]:
    """Centre and standard error of an interval for the mean, with a pseudo-value at -1 and one at 1.

    For n values d: centre c = sum d / (n + 2), squared error ((sum d^2 + 2) / (n + 2) - c^2) / (n + 2), as in
    `paired_scores` (Bonett & Price 2012, J. Educ. Behav. Stat. 37).

    Args:
        values: (n,) independent values between -1 and 1.
    """
    n = len(values) + PSEUDO
    centre = float(values.sum()) / n
    return centre, float(np.sqrt(((values @ values + PSEUDO) / n - centre**2) / n))


def cluster_codes(labels: ArrayLike | None, length: int) -> IntArray:
    """(length,) codes from 0 of the clusters; without labels every row is one of its own.

    Raises:
        BadInput: Not one label for each row.
    """
    if labels is None:
        return np.arange(length)
    given = np.asarray(labels)
    if given.shape != (length,):
        raise BadInput(f"there must be one cluster label for each of {length} items, not {given.shape}.")
    return np.asarray(np.unique(given, return_inverse=True)[1], dtype=np.int64)
