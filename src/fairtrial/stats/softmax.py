"""Guessing one of several classes from features: multinomial logistic regression. Read `softmax_regression` first."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_array

from fairtrial.stats._arrays import FloatArray, IntArray


def softmax_regression(
    features: csr_array, classes: IntArray, count: int, *, penalty: float, steps: int = 100
) -> FloatArray:
    """Weights (F + 1, K) that make the classes most likely, under a ridge penalty; the last row is not penalised.

    Minimises the mean negative log-likelihood of softmax(X W + b) plus `penalty`/2 times the sum of squares of W (Cox
    1966), from zero, by L-BFGS (Liu & Nocedal 1989). The same data give the same weights.

    Args:
        features: (N, F), sparse.
        classes: (N,) from 0 to K − 1.
        count: K.
        penalty: Above 0.
        steps: Most iterations.
    """
    rows, width = features.shape
    wanted = np.zeros((rows, count))
    wanted[np.arange(rows), classes] = 1.0
    across = csr_array(features.T)

    def loss(flat: FloatArray) -> tuple[float, FloatArray]:
        weights = flat.reshape(width + 1, count)
        logits = features @ weights[:-1] + weights[-1]
        logits -= logits.max(axis=1, keepdims=True)
        total = np.log(np.exp(logits).sum(axis=1, keepdims=True))
        error = np.exp(logits - total) - wanted
        gradient = np.vstack([across @ error, error.sum(axis=0)]) / rows
        gradient[:-1] += penalty * weights[:-1]
        value = float((total[:, 0] - (logits * wanted).sum(axis=1)).mean() + penalty / 2 * (weights[:-1] ** 2).sum())
        return value, gradient.ravel()

    found: Any = minimize(
        loss, np.zeros((width + 1) * count), jac=True, method="L-BFGS-B", options={"maxiter": steps, "maxcor": 10}
    )
    return np.asarray(found.x, dtype=np.float64).reshape(width + 1, count)


def log_chances(features: csr_array, weights: FloatArray) -> FloatArray:
    """(N, K) logarithms of the chances of each class."""
    logits = features @ weights[:-1] + weights[-1]
    logits -= logits.max(axis=1, keepdims=True)
    return np.asarray(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))


def hashed(counts: Sequence[dict[int, float]], width: int) -> csr_array:
    """Rows of (column: value) as a sparse matrix of `width` columns."""
    starts = np.cumsum([0, *(len(row) for row in counts)])
    columns = np.fromiter((key for row in counts for key in row), dtype=np.int32, count=int(starts[-1]))
    values = np.fromiter((value for row in counts for value in row.values()), dtype=np.float64, count=int(starts[-1]))
    return csr_array((values, columns, starts), shape=(len(counts), width))
