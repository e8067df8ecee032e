"""Fairtrial's side of ranking.py, one case a process: `python ranking_cases.py CASE FOLDER`.

Every case gets the folder of one data set (ranking_data.py) and returns `fit` (what is timed), `peak_mb`, and what it
found. Only the functions under "The engine" know the product's interface.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import ranking_common as common

# The engine: everything that knows its interface --------------------------------------------------------------------


def encoded(folder: Path, *names: str, features: bool = False) -> Any:
    """Votes from encoded columns; `names` are further columns (rater, prompt). Nothing is computed here."""
    from fairtrial.stats import Battles

    a, b, outcome = common.votes(folder)
    further = {name: common.column(folder, name).astype("int32") for name in names}
    x = common.column(folder, "x").T.copy() if features else ()
    return Battles(
        names=tuple(common.NAMES),
        a=a.astype("uint8"),
        b=b.astype("uint8"),
        outcome=outcome.astype("int8"),
        features={f"x{k}": column for k, column in enumerate(x)},
        **further,
    )


def fit(battles: Any, ties: str, control: tuple[str, ...] = ()) -> Any:
    """Columns to a fit: counting included."""
    from fairtrial.stats import Comparisons
    from fairtrial.stats import fit as maximum_likelihood

    return maximum_likelihood(Comparisons.of(battles, control=control), ties=ties)


def clustered(battles: Any, found: Any, way: str = "rater") -> Any:
    """The covariance clustered by rater, or unclustered (``prompt`` where no prompts are known), after the fit."""
    from fairtrial.stats import Comparisons, clustered_covariance

    votes = Comparisons.of(battles, control=found.controls)
    return clustered_covariance(found, votes, battles.clusters(way))


def open_places(found: Any, covariance: Any) -> Any:
    """Rank sets over all pairs from 2,000 draws."""
    from fairtrial.stats import all_pairs
    from fairtrial.stats.simultaneous import rank_sets

    return rank_sets(all_pairs(found.theta, covariance.covariance, covariance.df, draws=2000).separated)


def fit_covariates(folder: Path) -> Any:
    """(prepared input, function of it that fits half wins with 8 covariates and its sandwich): theta, beta."""
    battles = encoded(folder, features=True)

    def work(given: Any) -> tuple[Any, Any]:
        found = fit(given, "half", tuple(given.features))
        clustered(given, found, "prompt")
        return found.theta, found.beta

    return battles, work


def one_more_vote(folder: Path) -> Any:
    """(state of a fitted board, function of it and a vote (a, b, outcome) that returns ratings and standard errors)."""
    from fairtrial.stats import Comparisons, Running, uncertainty

    battles = encoded(folder, "rater", "prompt")
    votes, found = Comparisons.of(battles), fit(battles, "davidson")
    clusters = {name: battles.clusters(name) for name in ("rater", "prompt")}
    state = Running(found, votes, clusters, uncertainty(found, votes, clusters))
    raters, prompts = battles.rater.tolist(), battles.prompt.tolist()

    def work(running: Any, vote: tuple[int, int, int]) -> tuple[Any, Any]:
        place = running.added % len(raters)
        running.add(*vote, {"rater": raters[place], "prompt": prompts[place]})
        return running.theta, running.standard_errors

    return state, work


# Cases --------------------------------------------------------------------------------------------------------------


def fit_case(folder: Path, ties: str) -> dict[str, Any]:
    """A fit from encoded columns in memory."""
    battles = encoded(folder)
    found, times = common.repeat(lambda: fit(battles, ties))
    peak = common.peak_mb()
    exact = common.exact_fit(common.count_cells(*common.votes(folder)), davidson=ties == "davidson")
    return {"fit": times, "peak_mb": peak, "error_points": common.error_points(found.theta, exact)}


def clustered_case(folder: Path) -> dict[str, Any]:
    """Fit and covariance clustered by rater, together; `part` is the covariance alone."""
    battles = encoded(folder, "rater")
    (found, covariance), times = common.repeat(lambda: (one := fit(battles, "half"), clustered(battles, one)))
    _, part = common.repeat(lambda: clustered(battles, found))
    return {
        "fit": times,
        "part": part,
        "peak_mb": common.peak_mb(),
        "method": covariance.method,
        "clusters": covariance.clusters,
        "effective_clusters": covariance.effective,
    }


def places_case(folder: Path) -> dict[str, Any]:
    """Rank sets alone, given fit and covariance."""
    battles = encoded(folder, "rater")
    found = fit(battles, "davidson")
    covariance = clustered(battles, found)
    places, times = common.repeat(lambda: open_places(found, covariance))
    width = float((places[:, 1] - places[:, 0]).mean())
    return {"fit": times, "peak_mb": common.peak_mb(), "mean_places_left_open": width}


def covariates_case(folder: Path) -> dict[str, Any]:
    """Half wins with 8 covariates and the sandwich, from encoded columns."""
    given, work = fit_covariates(folder)
    (theta, beta), times = common.repeat(lambda: work(given))
    peak = common.peak_mb()
    exact, coefficients = common.exact_covariate_fit(*common.votes(folder), common.column(folder, "x"))
    return {
        "fit": times,
        "peak_mb": peak,
        "error_points": common.error_points(theta, exact),
        "coefficient_error": float(abs(beta - coefficients).max()),
    }


def vote_case(folder: Path) -> dict[str, Any]:
    """One more vote: mean of 1,000 in a row, each answered with all ratings and standard errors."""
    state, work = one_more_vote(folder)
    a, b, outcome = common.votes(folder)
    drawn = list(zip(a[:1000].tolist(), b[:1000].tolist(), outcome[:1000].tolist(), strict=True))

    def thousand() -> None:
        for vote in drawn:
            work(state, vote)

    _, times = common.repeat(thousand, times=3)
    return {"fit": {k: v if k == "runs" else v / len(drawn) for k, v in times.items()}, "peak_mb": common.peak_mb()}


def command_case(folder: Path) -> dict[str, Any]:
    """The whole command on a Parquet of strings, as a person runs it: threads left as they are, start-up included."""
    program = str(Path(sys.executable).with_name("fairtrial"))
    command = [program, "rank", str(folder / "votes.parquet"), "--json", "--cluster", "rater,prompt"]
    runs, peak = [], 0.0
    for _ in range(4):
        with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as said:
            began = time.perf_counter()
            child = subprocess.Popen(command, stdout=told, stderr=said)
            _, status, used = os.wait4(child.pid, 0)
            wall = time.perf_counter() - began
            child.returncode = os.waitstatus_to_exitcode(status)
            told.seek(0)
            said.seek(0)
            text, why = told.read().decode(), said.read().decode().strip()
        if child.returncode != 0:
            raise common.NotThereError(f"the command failed: {why[-200:]}")
        json.loads(text)  # or it was no answer
        runs.append((used.ru_utime + used.ru_stime, wall))
        peak = max(peak, used.ru_maxrss / 1024)
        if wall > 15:
            break
    later = runs[1:] or runs
    times = {"cpu_s": median(cpu for cpu, _ in later), "wall_s": median(wall for _, wall in later), "runs": len(runs)}
    times |= {"first_cpu_s": runs[0][0], "first_wall_s": runs[0][1]}
    return {"fit": times, "peak_mb": peak, "json_bytes": len(text)}


# Independent oracles ------------------------------------------------------------------------------------------------


def drawn_votes(size: int, count: int, seed: int) -> tuple[Any, Any, Any]:
    """Votes between `size` models, a third of them ties."""
    import numpy as np

    rng = np.random.default_rng(seed)
    theta = rng.normal(0, 0.7, size)
    a = rng.integers(0, size, count)
    b = (a + rng.integers(1, size, count)) % size
    half = np.exp((theta[a] - theta[b]) / 2)
    mark = rng.random(count) * (half + 1 / half + 1.1)
    return a, b, np.where(mark < half, 2, np.where(mark < half + 1.1, 1, 0))


def from_cells(cells: Any, ties: str) -> Any:
    """The engine's fit of counts."""
    from fairtrial.stats import fit_bradley_terry

    return fit_bradley_terry(cells, ties=ties)


def oracle_half(folder: Path) -> float:
    """Statsmodels: binomial GLM on single votes, a tie as 1/2: 20 models, 5,000 votes."""
    del folder
    import numpy as np
    import statsmodels.api as sm

    a, b, outcome = drawn_votes(20, 5000, 1)
    design = np.zeros((len(a), 20))
    design[np.arange(len(a)), a], design[np.arange(len(a)), b] = 1, -1
    oracle = sm.GLM(outcome / 2, design[:, 1:], family=sm.families.Binomial()).fit(tol=1e-14, maxiter=100)
    found = from_cells(common.count_cells(a, b, outcome, 20), "half")
    return common.error_points(np.append(0, oracle.params), found.theta)


def oracle_davidson(folder: Path) -> float:
    """Statsmodels: Poisson GLM: Davidson's model is log-linear in the counts of each pair (Fienberg & Larntz 1976)."""
    del folder
    import numpy as np
    import statsmodels.api as sm

    size = 20
    cells = common.count_cells(*drawn_votes(size, 5000, 2), size)
    win, tie = cells[:, :, 2] + cells[:, :, 0].T, cells[:, :, 1] + cells[:, :, 1].T
    i, j = np.triu_indices(size, 1)
    pairs = len(i)
    counts = np.concatenate([win[i, j], tie[i, j], win[j, i]])
    design = np.zeros((3 * pairs, size + 1 + pairs))
    for part, sign in ((0, 0.5), (2, -0.5)):  # log count = pair + d / 2, pair + log nu, pair - d / 2
        rows = part * pairs + np.arange(pairs)
        design[rows, i], design[rows, j] = sign, -sign
    design[pairs : 2 * pairs, size] = 1
    design[np.arange(3 * pairs), size + 1 + np.tile(np.arange(pairs), 3)] = 1
    oracle = sm.GLM(counts, design[:, 1:], family=sm.families.Poisson()).fit(tol=1e-14, maxiter=100)
    found = from_cells(cells, "davidson")
    return common.error_points(np.append(0, oracle.params[: size - 1]), found.theta)


def oracle_choix(folder: Path) -> float:
    """ILSR of choix on 200 models, ties as half wins."""
    import choix

    cells = common.count_cells(*common.votes(folder))
    wins = cells[:, :, 2] + cells[:, :, 0].T + (cells[:, :, 1] + cells[:, :, 1].T) / 2
    return common.error_points(choix.ilsr_pairwise_dense(wins, tol=1e-14), from_cells(cells, "half").theta)


def oracle_choix_no_ties(folder: Path) -> float:
    """ILSR of choix, and its minorisation-maximisation on 200 models, votes that are ties left out."""
    import choix
    import numpy as np

    a, b, outcome = (values[common.column(folder, "outcome") != 1] for values in common.votes(folder))
    cells = common.count_cells(a, b, outcome)
    found = from_cells(cells, "davidson").theta
    winners, losers = np.where(outcome == 2, a, b), np.where(outcome == 2, b, a)
    pairs = list(zip(winners.tolist(), losers.tolist(), strict=True))
    boards = (
        choix.ilsr_pairwise_dense(cells[:, :, 2] + cells[:, :, 0].T, tol=1e-14),
        choix.mm_pairwise(common.MODELS, pairs, tol=1e-13, max_iter=100_000),
    )
    return max(common.error_points(board, found) for board in boards)


def oracle_covariates(folder: Path) -> float:
    """Statsmodels: binomial GLM with two covariates and who was shown first: 20 models, 5,000 votes; coefficients too."""
    del folder
    import numpy as np
    import statsmodels.api as sm

    found, oracle, _ = _with_covariates(sm)
    theta = common.error_points(np.append(0, oracle.params[:19]), found.theta)
    return max(theta, float(common.SCALE * abs(oracle.params[19:] - found.beta).max()))


def oracle_errors(folder: Path) -> float:
    """Statsmodels: cluster-robust standard errors (CR0) of the same fit, of differences to model 0 and coefficients."""
    del folder
    import numpy as np
    import statsmodels.api as sm

    from fairtrial.stats import Comparisons, clustered_covariance

    found, oracle, battles = _with_covariates(sm)
    votes = Comparisons.of(battles, control=found.controls)
    ours = clustered_covariance(found, votes, battles.rater, guarded=False)
    count = ours.clusters
    own = np.diag(ours.covariance)
    gaps = (own + own[0] - 2 * ours.covariance[0])[1:]
    errors = np.sqrt(np.append(gaps, np.diag(ours.beta)) * (count - 1) / count)
    return float(common.SCALE * abs(errors - oracle.bse).max())


def _with_covariates(sm: Any) -> tuple[Any, Any, Any]:
    import numpy as np

    from fairtrial.stats import Battles

    a, b, outcome = drawn_votes(20, 5000, 3)
    rng = np.random.default_rng(4)
    features = {"x0": rng.normal(0, 1, len(a)), "x1": 100 * rng.normal(0.3, 1, len(a))}
    order = rng.integers(0, 2, len(a))
    battles = Battles(
        names=tuple(common.NAMES[:20]),
        a=a,
        b=b,
        outcome=outcome,
        rater=rng.integers(0, 600, len(a)),
        order=order,
        features=features,
    )
    design = np.zeros((len(a), 20))
    design[np.arange(len(a)), a], design[np.arange(len(a)), b] = 1, -1
    # Differences to model 0: its column is left out, so parameters are theta_k - theta_0.
    columns = np.column_stack([design[:, 1:], *features.values(), 1 - 2 * order])
    groups = {"groups": battles.rater, "use_correction": False}
    model = sm.GLM(outcome / 2, columns, family=sm.families.Binomial())
    oracle = model.fit(tol=1e-14, maxiter=100, cov_type="cluster", cov_kwds=groups)
    return fit(battles, "half", (*features, "position")), oracle, battles


ORACLES = {
    "statsmodels binomial GLM, half wins, 20 models, 5,000 votes": oracle_half,
    "statsmodels Poisson GLM, Davidson, 20 models, 5,000 votes": oracle_davidson,
    "statsmodels binomial GLM with covariates and position, 20 models": oracle_covariates,
    "statsmodels cluster-robust standard errors of that fit, 600 raters": oracle_errors,
    "choix ILSR, half wins, 200 models": oracle_choix,
    "choix ILSR and MM, no ties, 200 models": oracle_choix_no_ties,
}


def oracles_case(folder: Path) -> dict[str, Any]:
    """Largest distance of the engine's ratings to each independent computation, in rating points."""
    errors: dict[str, Any] = {}
    for name, oracle in ORACLES.items():
        try:
            errors[name] = oracle(folder)
        except (common.NotThereError, ImportError) as reason:
            errors[name] = str(reason)
    return {"oracles": errors, "error_points": max(e for e in errors.values() if isinstance(e, float))}


CASES = {
    "fit_half": lambda folder: fit_case(folder, "half"),
    "fit_davidson": lambda folder: fit_case(folder, "davidson"),
    "clustered": clustered_case,
    "places": places_case,
    "covariates": covariates_case,
    "vote": vote_case,
    "command": command_case,
    "oracles": oracles_case,
}

if __name__ == "__main__":
    common.run_case(CASES, unpinned=("command",))
