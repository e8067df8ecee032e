"""Peers of ranking.py, one case a process, run inside their own environment: `python ranking_peers.py CASE FOLDER`.

Every peer starts from what it accepts (a pandas table of strings, lists, a matrix of wins). `prep` is its conversion of
that, `fit` the rest; the first call is told apart, for JAX compiles in it. Errors are the largest distance, in rating
points, to the exact maximum-likelihood fit of the same model.
"""

import time
from pathlib import Path
from typing import Any

import numpy as np

import ranking_common as common


def table(folder: Path, covariates: int = 0) -> Any:
    """The votes as the pandas table of strings that published arena data is."""
    import pandas as pd

    a, b, outcome = common.votes(folder)
    names, labels = np.array(common.NAMES, dtype=object), np.array(common.WINNERS, dtype=object)
    frame = pd.DataFrame({"model_a": names[a], "model_b": names[b], "winner": labels[outcome]})
    if covariates:
        x = common.column(folder, "x")
        for index in range(covariates):
            frame[f"x{index}"] = x[:, index]
    return frame


def half_win_error(folder: Path, strengths: Any) -> float:
    """Distance to the half-win fit."""
    return common.error_points(strengths, common.exact_fit(common.count_cells(*common.votes(folder))))


def arena_rank(folder: Path) -> dict[str, Any]:
    """Bradley-Terry with its unclustered sandwich."""
    from arena_rank.models.bradley_terry import BradleyTerry
    from arena_rank.utils.data_utils import PairDataset

    frame = table(folder)

    def convert() -> Any:
        data = PairDataset.from_pandas(frame)
        np.asarray(data.opt_weights)  # waits for JAX
        return data

    def fit() -> dict[str, Any]:
        model = BradleyTerry(n_competitors=len(data.competitors))
        found = model.compute_ratings_and_cis(data, ci_method="sandwich")
        return {"ratings": np.asarray(found["ratings"]), "upper": np.asarray(found["rating_upper"])}

    data, prep = common.repeat(convert, times=3, budget_s=60)
    found, times = common.repeat(fit, times=5, budget_s=60)
    peak = common.peak_mb()
    half_width = float(np.median(found["upper"] - found["ratings"]))
    error = half_win_error(folder, found["ratings"] / common.SCALE)
    return {"prep": prep, "fit": times, "peak_mb": peak, "error_points": error, "median_ci95_points": half_width}


def arena_rank_file(folder: Path) -> dict[str, Any]:
    """The same from a Parquet of strings, imports included: what a script of its user costs, like our whole command."""
    began = time.perf_counter()
    import pandas as pd
    from arena_rank.models.bradley_terry import BradleyTerry
    from arena_rank.utils.data_utils import PairDataset

    data = PairDataset.from_pandas(pd.read_parquet(folder / "votes.parquet", columns=["model_a", "model_b", "winner"]))
    found = BradleyTerry(n_competitors=len(data.competitors)).compute_ratings_and_cis(data, ci_method="sandwich")
    ratings = np.asarray(found["ratings"])
    wall, cpu = time.perf_counter() - began, common.cpu_seconds()
    peak = common.peak_mb()
    times = {"cpu_s": cpu, "wall_s": wall, "first_cpu_s": cpu, "first_wall_s": wall, "runs": 1}
    return {"fit": times, "peak_mb": peak, "error_points": half_win_error(folder, ratings / common.SCALE)}


def arena_rank_covariates(folder: Path, reg: float) -> dict[str, Any]:
    """Bradley-Terry with 8 covariates and its unclustered sandwich; `reg` shrinks the coefficients (default 1.0)."""
    from arena_rank.models.contextual_bradley_terry import ContextualBradleyTerry
    from arena_rank.utils.data_utils import ContextualPairDataset

    width = common.COVARIATES
    frame, features = table(folder, width), [f"x{index}" for index in range(width)]

    def convert() -> Any:
        data = ContextualPairDataset.from_pandas(frame, feature_cols=features, reweighted=False)
        np.asarray(data.weights)
        return data

    def fit() -> dict[str, Any]:
        model = ContextualBradleyTerry(n_competitors=len(data.competitors), n_features=width, reg=reg)
        found = model.compute_ratings_and_cis(data, ci_method="sandwich")
        return {name: np.asarray(found[name]) for name in ("ratings", "coeffs", "rating_upper")}

    data, prep = common.repeat(convert, times=3, budget_s=60)
    found, times = common.repeat(fit, times=3, budget_s=60)
    peak = common.peak_mb()
    theta, beta = common.exact_covariate_fit(*common.votes(folder), common.column(folder, "x"))
    return {
        "prep": prep,
        "fit": times,
        "peak_mb": peak,
        "error_points": common.error_points(found["ratings"] / common.SCALE, theta),
        "coefficients": [round(float(value), 4) for value in found["coeffs"]],
        "exact_coefficients": [round(float(value), 4) for value in beta],
        "median_ci95_points": float(np.median(found["rating_upper"] - found["ratings"])),
    }


def evalica(folder: Path, method: str, resamples: int = 0) -> dict[str, Any]:
    """Its Bradley-Terry, Newman's algorithm (ties as in Davidson's model), or its percentile bootstrap."""
    import evalica as library

    frame, outcome = table(folder), common.column(folder, "outcome")
    codes = [library.Winner.Y, library.Winner.Draw, library.Winner.X]

    def convert() -> tuple[list, list, list]:
        winners = [codes[code] for code in outcome.tolist()]
        return frame["model_a"].tolist(), frame["model_b"].tolist(), winners

    def fit() -> Any:
        if not resamples:
            return getattr(library, method)(*data)
        return library.bootstrap(
            getattr(library, method), *data, n_resamples=resamples, bootstrap_method="percentile", random_state=0
        ).result

    data, prep = common.repeat(convert, times=5)
    found, times = common.repeat(fit, times=1 if resamples else 7, budget_s=20)
    peak = common.peak_mb()
    cells = common.count_cells(*common.votes(folder))
    exact = common.exact_fit(cells, davidson=method == "newman")
    error = common.error_points(np.log(found.scores.sort_index().to_numpy()), exact)
    return {"prep": prep, "fit": times, "peak_mb": peak, "error_points": error, "iterations": int(found.iterations)}


def choix_list(folder: Path) -> dict[str, Any]:
    """`ilsr_pairwise` on a list of (winner, loser): it knows no ties, so a vote is two half votes."""
    import choix

    a, b, outcome = common.votes(folder)

    def convert() -> list[tuple[int, int]]:
        first, second = outcome > 0, outcome > 1
        winners = np.concatenate([np.where(first, a, b), np.where(second, a, b)])
        losers = np.concatenate([np.where(first, b, a), np.where(second, b, a)])
        return list(zip(winners.tolist(), losers.tolist(), strict=True))

    data, prep = common.repeat(convert, times=3)
    strengths, times = common.repeat(lambda: choix.ilsr_pairwise(common.MODELS, data), times=5, budget_s=30)
    peak = common.peak_mb()
    return {"prep": prep, "fit": times, "peak_mb": peak, "error_points": half_win_error(folder, strengths)}


def choix_dense(folder: Path) -> dict[str, Any]:
    """`ilsr_pairwise_dense` on the matrix of wins; counting it is our numpy, for choix leaves that to its user."""
    import choix

    a, b, outcome = common.votes(folder)

    def convert() -> np.ndarray:
        cells = common.count_cells(a, b, outcome)
        return cells[:, :, 2] + cells[:, :, 0].T + (cells[:, :, 1] + cells[:, :, 1].T) / 2

    data, prep = common.repeat(convert)
    strengths, times = common.repeat(lambda: choix.ilsr_pairwise_dense(data))
    peak = common.peak_mb()
    return {"prep": prep, "fit": times, "peak_mb": peak, "error_points": half_win_error(folder, strengths)}


def versions(folder: Path) -> dict[str, Any]:
    """What is installed here; `folder` is not read."""
    del folder
    from importlib.metadata import version

    return {name: version(name) for name in ("arena-rank", "evalica", "choix", "jax", "numpy", "scipy", "pandas")}


CASES = {
    "arena_rank": arena_rank,
    "arena_rank_file": arena_rank_file,
    "arena_rank_covariates": lambda folder: arena_rank_covariates(folder, 1.0),
    "arena_rank_covariates_unshrunk": lambda folder: arena_rank_covariates(folder, 1e-9),
    "evalica_bradley_terry": lambda folder: evalica(folder, "bradley_terry"),
    "evalica_newman": lambda folder: evalica(folder, "newman"),
    "evalica_bootstrap": lambda folder: evalica(folder, "bradley_terry", 10),
    "choix_list": choix_list,
    "choix_dense": choix_dense,
    "versions": versions,
}

if __name__ == "__main__":
    common.run_case(CASES)
