"""The physical limit of ranking.py: one compiled pass over the bytes of the votes. `python ranking_limit.py CASE FOLDER`.

`cells` counts (model A, model B, outcome) from three uint8 columns: no ranking of these votes can do with less. `covariates`
also reads eight float32 a vote, summing each. Compiled by gcc or cc, called through ctypes; numba where there is no compiler.
"""

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import ranking_common as common

SOURCE = """
#include <stddef.h>
#include <stdint.h>
void cells(const uint8_t *a, const uint8_t *b, const uint8_t *o, size_t n, size_t k, uint32_t *out) {
    for (size_t t = 0; t < n; t++) out[((size_t)a[t] * k + b[t]) * 3 + o[t]]++;
}
void sums(const float *x, size_t n, double *out) {
    double s[8] = {0};
    for (size_t t = 0; t < n; t++) for (int m = 0; m < 8; m++) s[m] += x[8 * t + m];
    for (int m = 0; m < 8; m++) out[m] += s[m];
}
"""


def compiled() -> tuple[Callable, Callable]:
    """The two passes as functions of arrays.

    Raises:
        NotThereError: Neither a C compiler nor numba is there.
    """
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        return jitted()
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder) / "limit.c", Path(folder) / "limit.so"
        source.write_text(SOURCE)
        command = [compiler, "-O3", "-march=native", "-shared", "-fPIC", "-o", str(library), str(source)]
        subprocess.run(command, check=True)
        passes = ctypes.CDLL(str(library))  # stays mapped when the file is gone

    def at(array: np.ndarray) -> ctypes.c_void_p:
        return ctypes.c_void_p(array.ctypes.data)

    def cells(a: np.ndarray, b: np.ndarray, outcome: np.ndarray, out: np.ndarray) -> None:
        size, number = ctypes.c_size_t(common.MODELS), ctypes.c_size_t(len(a))
        passes.cells(at(a), at(b), at(outcome), number, size, at(out))

    def sums(x: np.ndarray, out: np.ndarray) -> None:
        passes.sums(at(x), ctypes.c_size_t(len(x)), at(out))

    return cells, sums


def jitted() -> tuple[Callable, Callable]:
    """The same by numba."""
    try:
        from numba import njit
    except ImportError as reason:
        raise common.NotThereError("neither gcc, cc nor numba") from reason
    size = common.MODELS

    @njit
    def cells(a, b, outcome, out) -> None:
        for t in range(a.size):
            out[(np.int64(a[t]) * size + b[t]) * 3 + outcome[t]] += 1

    @njit
    def sums(x, out) -> None:
        for t in range(x.shape[0]):
            for m in range(x.shape[1]):
                out[m] += x[t, m]

    return cells, sums


def limit(folder: Path, *, covariates: bool) -> dict[str, Any]:
    """Time the pass, then check what it counted."""
    cells, sums = compiled()
    a, b, outcome = common.votes(folder)
    x = common.column(folder, "x") if covariates else None
    out, total = np.zeros(common.MODELS**2 * 3, dtype=np.uint32), np.zeros(common.COVARIATES)

    def work() -> None:
        out[:] = 0
        cells(a, b, outcome, out)
        if x is not None:
            sums(x, total)

    _, times = common.repeat(work, times=31)
    peak = common.peak_mb()
    counted = common.count_cells(a, b, outcome).ravel()
    assert np.array_equal(out, counted)
    return {"fit": times, "peak_mb": peak, "bytes_per_vote": 3 + (32 if covariates else 0)}


if __name__ == "__main__":
    common.run_case(
        {
            "cells": lambda folder: limit(folder, covariates=False),
            "covariates": lambda folder: limit(folder, covariates=True),
        }
    )
