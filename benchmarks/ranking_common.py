"""What the child processes of ranking.py share: stopwatch, votes, an exact reference fit. Needs numpy only.

ranking.py keeps numerical libraries to one thread through the environment, `run_case` the process to one core, which is
what JAX goes by.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

MODELS, COVARIATES = 200, 8
NAMES = [f"model-{index:03d}" for index in range(MODELS)]
WINNERS = ["model_b", "tie", "model_a"]
"""Labels of outcome codes 0, 1, 2."""
SCALE = 400 / float(np.log(10))
"""Rating points per natural log unit."""


class NotThereError(Exception):
    """What a case needs does not exist (yet); the table says so."""


def cpu_seconds() -> float:
    """User + system seconds of this process, all its threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak_mb() -> float:
    """Peak memory of this process; Linux's own count, for `ru_maxrss` starts at the parent's peak."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line[:6] == "VmHWM:") / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)


def repeat(work: Callable[[], Any], *, times: int = 9, budget_s: float = 10.0) -> tuple[Any, dict[str, float]]:
    """Run `work` up to `times` times within `budget_s` wall seconds: its last value, the first call, later calls' median.

    The first call is set apart because it may compile, import or warm caches; where there is only one, it is all there is.
    """
    runs: list[tuple[float, float]] = []
    began, value = time.perf_counter(), None
    while not runs or (len(runs) < times and time.perf_counter() - began + runs[-1][1] < budget_s):
        wall, cpu = time.perf_counter(), cpu_seconds()
        value = work()
        runs.append((cpu_seconds() - cpu, time.perf_counter() - wall))
    later = runs[1:] or runs
    return value, {
        "cpu_s": median(cpu for cpu, _ in later),
        "wall_s": median(wall for _, wall in later),
        "first_cpu_s": runs[0][0],
        "first_wall_s": runs[0][1],
        "runs": len(runs),
    }


def column(folder: Path, name: str) -> np.ndarray:
    """One column of the votes, in memory."""
    return np.load(folder / f"{name}.npy")


def votes(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Model A, model B, outcome (0 B wins, 1 tie, 2 A wins): uint8 columns."""
    return column(folder, "a"), column(folder, "b"), column(folder, "outcome")


def count_cells(a: np.ndarray, b: np.ndarray, outcome: np.ndarray, size: int = MODELS) -> np.ndarray:
    """(K, K, 3) number of votes by model A, model B and outcome."""
    key = (a.astype(np.int64) * size + b) * 3 + outcome
    return np.bincount(key, minlength=size * size * 3).reshape(size, size, 3).astype(float)


def exact_fit(cells: np.ndarray, *, davidson: bool = False) -> np.ndarray:
    """(K,) maximum-likelihood strengths, mean 0, by Newton's method written apart from the product.

    Half wins unless `davidson`: P(win) = exp(d / 2) / D, P(tie) = nu / D, D = exp(d / 2) + exp(-d / 2) + nu.
    """
    size = len(cells)
    win, tie = cells[:, :, 2] + cells[:, :, 0].T, cells[:, :, 1] + cells[:, :, 1].T
    if not davidson:
        win, tie = win + tie / 2, np.zeros_like(tie)
    played = win + win.T + tie
    theta, log_nu = np.zeros(size), np.log(tie.sum() / win.sum()) if davidson else -np.inf
    for _ in range(50):
        d = theta[:, None] - theta[None, :]
        up, down, level = np.exp(d / 2), np.exp(-d / 2), np.exp(log_nu)
        total = up + down + level
        slope, level = (up - down) / 2 / total, level / total
        gradient = ((win - win.T) / 2 - played * slope).sum(axis=1)
        curve = played * ((up + down) / 4 / total - slope**2)
        hessian = np.diag(curve.sum(axis=1)) - curve + curve.sum() / size**2
        if davidson:
            cross = -(played * slope * level).sum(axis=1)
            corner = (played * level * (1 - level)).sum() / 2
            hessian = np.block([[hessian, cross[:, None]], [cross[None, :], np.array([[corner]])]])
            gradient = np.append(gradient, (tie.sum() - (played * level).sum()) / 2)
        step = np.linalg.solve(hessian, gradient)
        theta = theta + step[:size]
        theta -= theta.mean()
        log_nu = log_nu + step[-1] if davidson else log_nu
        if np.abs(step).max() < 1e-12:
            return theta
    raise ArithmeticError("the reference fit did not converge")


def exact_covariate_fit(
    a: np.ndarray, b: np.ndarray, outcome: np.ndarray, x: np.ndarray, size: int = MODELS
) -> tuple[np.ndarray, np.ndarray]:
    """Strengths (mean 0) and coefficients of half-win Bradley-Terry with covariates, by Newton over runs of votes."""
    width = x.shape[1]
    point = np.zeros(size + width)
    for _ in range(50):
        hessian, gradient = np.zeros((size + width,) * 2), np.zeros(size + width)
        hessian[:size, :size] = 1.0  # fixes the common shift; no gradient lies that way
        for start in range(0, len(a), 100_000):
            run = slice(start, start + 100_000)
            i, j, rows = a[run].astype(np.int64), b[run].astype(np.int64), x[run].astype(float)
            p = 1 / (1 + np.exp(point[j] - point[i] - rows @ point[size:]))
            score, curve = outcome[run] / 2 - p, p * (1 - p)
            gradient[:size] += np.bincount(i, score, size) - np.bincount(j, score, size)
            gradient[size:] += score @ rows
            pairs = np.bincount(i * size + j, curve, size * size).reshape(size, size)
            pairs = pairs + pairs.T
            hessian[:size, :size] += np.diag(pairs.sum(axis=1)) - pairs
            hessian[size:, size:] += (rows * curve[:, None]).T @ rows
            for k in range(width):
                part = curve * rows[:, k]
                cross = np.bincount(i, part, size) - np.bincount(j, part, size)
                hessian[:size, size + k] += cross
                hessian[size + k, :size] += cross
        step = np.linalg.solve(hessian, gradient)
        point += step
        if np.abs(step).max() < 1e-11:
            theta = point[:size]
            return theta - theta.mean(), point[size:]
    raise ArithmeticError("the reference fit did not converge")


def error_points(strengths: Any, reference: np.ndarray) -> float:
    """Largest difference of two boards in rating points, both centred."""
    found = np.asarray(strengths, dtype=float)
    return float(np.abs((found - found.mean()) - (reference - reference.mean())).max()) * SCALE


def run_case(cases: dict[str, Callable[[Path], dict[str, Any]]], *, unpinned: tuple[str, ...] = ()) -> None:
    """`script CASE FOLDER`: run one case on one core, print its result as the last line."""
    case, folder = sys.argv[1], Path(sys.argv[2])
    if case not in unpinned and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    try:
        result = cases[case](folder)
    except (NotThereError, ImportError) as reason:
        result = {"missing": f"{type(reason).__name__}: {reason}"}
    print("RESULT " + json.dumps(result))
