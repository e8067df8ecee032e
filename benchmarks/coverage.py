"""Do the intervals hold? Simulated boards whose truth is known: coverage, family-wise error, false verdicts, bias.

Run `python benchmarks/coverage.py` (about 20 minutes on one core); it prints tables and writes results/coverage.json.
Every regime repeats: draw a board from the truth, compute it as the product does, compare with what infinitely many
raters, prompts and votes would give (coverage_truth.py). Goals: what is nominally 95 % covers at least 93 %; at most 5 %
of boards separate two models wrongly or pronounce any wrong verdict; covariates' effects are off by less than 0.1
standard errors. coverage_votes.py has the votes, coverage_scores.py the scores.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # small matrices: threads only spin

import numpy as np

from coverage_scores import SCORES, run_proportions, run_scores
from coverage_votes import PROMPTS, RATERS, TWO_WAY, run_votes

OUT = Path(__file__).parent / "results" / "coverage.json"
LEAST, MOST, BIAS = 0.93, 0.05, 0.1
KINDS = ("contrast", "difference", "rating", "effect", "score", "proportion")
PEERS = {"unclustered_difference": "indep.", "rater_only_difference": "rater", "prompt_only_difference": "prompt"}
ERRORS = {"family_wise_error": "FWER", "wrong_rank_set": "ranks", "false_verdict": "words"}
Job = tuple[str, str, Callable[[], dict[str, Any]]]


def jobs(reps: int, boards: int) -> list[Job]:
    """Evidence, regime, and what runs it; each regime has a seed of its own."""
    votes = (("votes, two ways", TWO_WAY, 400), ("votes, raters", RATERS, 500), ("votes, prompts", PROMPTS, 100))
    found: list[Job] = [
        (kind, regime.name, partial(run_votes, regime, reps, boards, seed + k))
        for kind, regimes, seed in votes
        for k, regime in enumerate(regimes)
    ]
    found += [("scores", r.name, partial(run_scores, r, boards, 200 + k)) for k, r in enumerate(SCORES)]
    found += [
        ("judge", f"{clusters} prompts, position rate {p}", partial(run_proportions, clusters, p, 3 * reps, 300))
        for clusters in (30, 100)
        for p in (0.5, 0.8, 0.97)
    ]
    return found


def timed(job: Job) -> tuple[dict[str, Any], float]:
    """What a regime found, and the seconds of CPU time it took."""
    began = time.process_time()
    kind, name, run = job
    return {"evidence": kind, "regime": name} | _rounded(run()), time.process_time() - began


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return round(value, 4) if isinstance(value, float) else value


def header() -> str:
    return (
        f"{'regime':53} {'combined':11} {'G*':>9} {'contrast':>8} {'difference':>13} {'rating':>13} {'effect':>13}"
        f" {'score':>13} {'all':>6} "
        + " ".join(f"{name:>6}" for name in (*ERRORS.values(), *PEERS.values(), "width", "boot", "bias"))
    )


def show(row: dict[str, Any]) -> str:
    """A regime as a line of the table."""

    def cell(key: str, width: int = 6) -> str:
        return f"{100 * row[key]:{width}.1f}" if key in row else f"{'–':>{width}}"

    def both(key: str) -> str:
        return f"{cell(key)} ({cell(key + '_worst').strip():>4})" if key in row else f"{'–':>13}"

    mean = "score" if "score" in row else "proportion"
    counted = "/".join(f"{value:.0f}" for value in row.get("effective", {}).values()) or "–"
    boot = "/".join(f"{value:.2f}" for value in row.get("bootstrap", {}).values()) or "–"
    return (
        f"{row['regime']:53} {row.get('combined', '–'):11} {counted:>9} {cell('contrast', 8)} {both('difference')}"
        f" {both('rating')} {both('effect')} {both(mean)} {cell('all_differences')} "
        + " ".join(cell(key) for key in (*ERRORS, *PEERS))
        + (f" {row['width']:6.2f}" if "width" in row else f"{'–':>7}")
        + f" {boot:>9}"
        + (f" {row['bias']:6.3f}" if "bias" in row else f"{'–':>7}")
    )


def verdicts(rows: list[dict[str, Any]]) -> list[str]:
    """What the goals say: the worst regime of each, with its Monte Carlo error, and every miss by name."""
    lines = []
    for key in KINDS:
        found = [(row[key], row) for row in rows if key in row]
        if found:
            least, row = min(found, key=lambda one: one[0])
            lines.append(f"lowest coverage, {key}: {_share(least, row['replicates'])} ({row['regime']})")
        lines += _missed(key, [one for one in found if one[0] < LEAST], "replicates")
    for key in ERRORS:
        found = [(row[key], row) for row in rows if key in row]
        if found:
            most, row = max(found, key=lambda one: one[0])
            lines.append(f"most boards with an error, {key}: {_share(most, row['boards'])} ({row['regime']})")
        lines += _missed(key, [one for one in found if one[0] > MOST], "boards")
    for row in rows:
        for name, one in row.get("effects", {}).items():
            if abs(one["bias"]) >= BIAS:
                error = 1 / np.sqrt(row["replicates"])
                lines.append(f"MISSED: bias of {name} {one['bias']:.3f} ± {error:.3f} SE in '{row['regime']}'")
    return lines


def _share(value: float, draws: int) -> str:
    return f"{100 * value:.1f} ± {100 * np.sqrt(value * (1 - value) / draws):.1f} %"


def _missed(key: str, found: list[tuple[float, dict[str, Any]]], draws: str) -> list[str]:
    return [f"MISSED: {key} {_share(value, row[draws])} in '{row['regime']}'" for value, row in found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reps", type=int, default=2500, help="replicates of a regime's single intervals")
    parser.add_argument("--boards", type=int, default=1000, help="boards of a regime, for statements about all pairs")
    parser.add_argument("--quick", action="store_true", help="200 of both")
    parser.add_argument("--only", default="", help="part of a regime's name, or a kind of evidence")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--out", type=Path, default=None)
    args = parser.parse_args()
    reps, boards = (200, 200) if args.quick else (args.reps, args.boards)
    chosen = [job for job in jobs(reps, boards) if args.only in job[1] or args.only == job[0]]
    print(
        "Per cent covered by nominal 95 % intervals: the first against the last model; mean over contrasts (worst one).\n"
        "Then all of a board's differences at once; boards with a false ordering, a wrong rank set, a false verdict;\n"
        "coverage with votes taken as independent, with raters alone, with prompts alone. Width: half widths over those\n"
        "that the true scatter needs. Boot: bootstrap's over the covariance's standard errors. Bias: of the covariates'\n"
        "effects, in standard errors.\n"
    )
    print(header())
    rows, seconds, kind = [], 0.0, ""
    with ProcessPoolExecutor(args.jobs) as pool:
        for row, took in pool.map(timed, chosen) if args.jobs > 1 else map(timed, chosen):
            if row["evidence"] != kind:
                kind = row["evidence"]
                print(kind)
            print(show(row), flush=True)
            rows.append(row)
            seconds += took
    print("\n" + "\n".join(verdicts(rows)))
    print(f"{seconds:.0f} s of CPU time")
    out = args.out or (None if args.only or args.quick else OUT)
    if out:
        out.parent.mkdir(exist_ok=True)
        found = {"reps": reps, "boards": boards, "cpu_seconds": round(seconds), "regimes": rows}
        out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
