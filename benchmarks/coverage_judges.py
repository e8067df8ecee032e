"""Do the statements about judges hold? Simulated judges whose truth is known: coverage, false verdicts, sizes of tests.

Run `python benchmarks/coverage_judges.py` (about 3 minutes on one core); it prints tables and writes
results/coverage_judges.json. Goals: what is nominally 95 % covers at least 93 %, false verdicts are at most 5 %. The
published PPI++ interval and the published test of alternative annotators stand beside what Fairtrial does.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # small matrices: threads only spin

import numpy as np
from scipy.special import gammaln, ndtri, stdtr, xlogy

from fairtrial.stats import alternative_annotators, compare_judges, ppi_mean, worth

OUT = Path(__file__).parent / "results" / "coverage_judges.json"
LEAST, MOST = 0.93, 0.05
PUBLISHED_Z = float(-ndtri(0.025))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """Human and judge verdicts cut from normal scores that correlate; prompts of several items have a lean."""

    clusters: int
    """Prompts with human verdicts."""
    more: int
    """Prompts with the judge's alone."""
    rate: float
    """Share of human verdicts for the first answer, ties half."""
    link: float
    """Correlation of the scores behind the verdicts."""
    most: int = 1
    """Items of a prompt: 1 … this."""
    ties: float = 0.2
    lean: float = 0.3
    """Share of the scores' variance that a prompt's items have in common, if there are several."""

    @property
    def name(self) -> str:
        """What is drawn, in words."""
        prompts = f"{self.clusters} of {self.clusters + self.more} prompts" + (", 1-4 items" if self.most > 1 else "")
        return f"{prompts}, {100 * self.rate:.0f} % first, scores {self.link:g}, ties {100 * self.ties:.0f} %"

    def draw(self, rng: np.random.Generator, prompts: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Human and judge verdicts -1, 0, 1 and their prompts."""
        code = np.repeat(np.arange(prompts), rng.integers(1, self.most + 1, prompts))
        lean = self.lean * (self.most > 1)
        mine = np.sqrt(lean) * rng.normal(size=prompts)[code] + np.sqrt(1 - lean) * rng.normal(size=len(code))
        other = self.link * mine + np.sqrt(1 - self.link**2) * rng.normal(size=len(code))
        cuts = ndtri(np.array([1 - self.rate - self.ties / 2, 1 - self.rate + self.ties / 2]))
        return np.digitize(mine, cuts) - 1.0, np.digitize(other, cuts) - 1.0, code


VERDICTS = (
    *(
        Verdicts(clusters=30, more=more, rate=rate, link=link)
        for more in (60, 600)
        for rate in (0.5, 0.8)
        for link in (0.0, 0.6, 0.95)
    ),
    *(Verdicts(clusters=30, more=300, rate=rate, link=0.8, ties=0.0) for rate in (0.5, 0.8, 0.9, 0.95)),
    *(Verdicts(clusters=clusters, more=600, rate=0.6, link=0.8, most=4) for clusters in (30, 60, 200)),
    *(Verdicts(clusters=clusters, more=600, rate=0.9, link=0.8, ties=0.0) for clusters in (60, 100, 200)),
    Verdicts(clusters=100, more=1000, rate=0.5, link=0.99, ties=0.0),
)


def run_verdicts(regime: Verdicts, reps: int, seed: int) -> dict[str, Any]:
    """Intervals of the debiased mean, of people alone, of rho, and of PPI++ as published."""
    mean = 2 * regime.rate - 1
    rho = float(np.corrcoef(*regime.draw(np.random.default_rng(1), 400_000)[:2])[0, 1])
    held, widths, factors, silent = [], [], [], 0
    for rep in range(reps):
        rng = np.random.default_rng(np.random.SeedSequence([seed, rep]))
        y, f, code = regime.draw(rng, regime.clusters + regime.more)
        here = code < regime.clusters
        found = ppi_mean(y[here], f[here], f[~here], cluster=code[here], cluster_unlabelled=code[~here])
        told = worth(y[here], f[here], cluster=code[here])
        low, high = published(y[here], f[here], f[~here])
        silent += told.lower is None
        held.append(
            [
                found.lower <= mean <= found.upper,
                found.human_lower <= mean <= found.human_upper,
                low <= mean <= high,
                told.lower is None or told.lower <= rho <= told.upper,
            ]
        )
        widths.append([found.upper - found.lower, found.human_upper - found.human_lower])
        factors.append(found.multiplier)
    share, width = np.mean(held, axis=0), np.mean(widths, axis=0)
    names = ("debiased", "human_only", "published_ppi", "rho")
    return {
        "replicates": reps,
        "true_rho": rho,
        **dict(zip(names, map(float, share), strict=True)),
        "no_rho": silent / reps,
        "multiplier": float(np.median(factors)),
        "width": float(width[0]),
        "human_width": float(width[1]),
    }


def published(y, f, wide) -> tuple[float, float]:
    """PPI++ for a mean as in its paper: items independent, normal quantile."""
    n, more = len(y), len(wide)
    spread = np.var(np.concatenate([f, wide]))
    weight = float(np.clip(np.cov(y, f)[0, 1] / ((1 + n / more) * spread), 0, 1)) if spread else 0.0
    centre = weight * wide.mean() + (y - weight * f).mean()
    reach = PUBLISHED_Z * np.sqrt(np.var(weight * wide) / more + np.var(y - weight * f) / n)
    return centre - reach, centre + reach


def run_size(items: int, epsilon: float) -> dict[str, Any]:
    """Exact size of one annotator's test at 5 %: the largest over all true hypotheses on the edge (no draws)."""
    up, down = np.meshgrid(np.arange(items + 1), np.arange(items + 1), indexing="ij")
    up, down = up[up + down <= items], down[up + down <= items]
    rest = items - up - down
    ways = gammaln(items + 1) - gammaln(up + 1) - gammaln(down + 1) - gammaln(rest + 1)
    gap, moved = up - down, up + down
    found = {}
    for name, extra, ddof in (("published", 0, 1), ("guarded", 2, 0)):
        n = items + extra
        error = np.sqrt(np.maximum((moved + extra) / n - (gap / n) ** 2, 0) / (n - ddof))
        deviation = np.where(
            error > 1e-9, (gap / n - epsilon) / np.maximum(error, 1e-9), np.sign(gap / n - epsilon) * 99
        )
        rejected = stdtr(items - 1, deviation) <= 0.05
        sizes = [
            float(
                np.exp(ways + xlogy(up, a) + xlogy(down, a - epsilon) + xlogy(rest, 1 - 2 * a + epsilon))[
                    rejected
                ].sum()
            )
            for a in np.linspace(epsilon, (1 + epsilon) / 2, 40)
        ]
        found[f"{name}_size"] = max(sizes)
    return found


def run_panel(items: int, people: int, reps: int, seed: int) -> dict[str, Any]:
    """A judge who is one more annotator like the rest: with epsilon 0 no annotator is beaten in truth."""
    wrong: dict[str, list[bool]] = {"published": [], "guarded": []}
    rho = []
    for rep in range(reps):
        rng = np.random.default_rng(np.random.SeedSequence([seed, rep]))
        truth = rng.integers(0, 3, (items, 1))
        said = np.where(rng.random((items, people + 1)) < 0.4, rng.integers(0, 3, (items, people + 1)), truth)
        found = alternative_annotators(said[:, 1:], said[:, 0], epsilon=0.0)
        wrong["published"].append(found.omega > 0)
        wrong["guarded"].append(found.omega_guarded > 0)
        rho.append(found.rho)
    return {"replicates": reps, "rho": float(np.mean(rho))} | {
        f"{name}_any_false": float(np.mean(one)) for name, one in wrong.items()
    }


def run_edge(items: int, epsilon: float, reps: int, seed: int) -> dict[str, Any]:
    """Three annotators of one mind and a judge who differs just as often as epsilon allows: none is beaten in truth."""
    wrong: dict[str, list[bool]] = {"published": [], "guarded": []}
    for rep in range(reps):
        rng = np.random.default_rng(np.random.SeedSequence([seed, rep]))
        judge = (rng.random(items) < epsilon).astype(int)
        found = alternative_annotators(np.zeros((items, 3), int), judge, epsilon=epsilon)
        wrong["published"].append(found.omega > 0)
        wrong["guarded"].append(found.omega_guarded > 0)
    return {"replicates": reps} | {f"{name}_any_false": float(np.mean(one)) for name, one in wrong.items()}


def run_pair(
    clusters: int, seeds: tuple[int, int], scatter: float, gain: float, reps: int, seed: int
) -> dict[str, Any]:
    """Two judges on prompts of 1 to 4 items, margin 0.05; every run of a judge is better or worse by chance."""
    held, words, width = [], [], []
    for rep in range(reps):
        rng = np.random.default_rng(np.random.SeedSequence([seed, rep]))
        code = np.repeat(np.arange(clusters), rng.integers(1, 5, clusters))
        hard = rng.normal(0, 0.1, clusters)[code][:, None]
        scores = [
            rng.binomial(2, np.clip(level + rng.normal(0, scatter, (1, runs)) - hard, 0, 1)) / 2
            for level, runs in zip((0.5 + gain, 0.5), seeds, strict=True)
        ]
        found = compare_judges(*scores, cluster=code, margin=0.05)
        held.append(found.lower <= gain <= found.upper)
        words.append(found.verdict.word)
        width.append(found.upper - found.lower)
    wrong = {"better": gain <= 0, "worse": gain >= 0, "equivalent": gain >= 0.05, "inconclusive": False}
    return {
        "replicates": reps,
        "difference": float(np.mean(held)),
        "false_verdict": float(np.mean([wrong[word] for word in words])),
        "width": float(np.mean(width)),
    }


def jobs(reps: int) -> list[tuple[str, str, Callable[[], dict[str, Any]]]]:
    """Evidence, regime, and what runs it."""
    found: list[tuple[str, str, Callable[[], dict[str, Any]]]] = [
        ("verdicts", one.name, partial(run_verdicts, one, reps, 700 + k)) for k, one in enumerate(VERDICTS)
    ]
    found += [
        ("alternatives", f"{items} items, epsilon {epsilon:g}", partial(run_size, items, epsilon))
        for items in (30, 50, 100)
        for epsilon in (0.0, 0.1, 0.15, 0.2, 0.3)
    ]
    found += [
        ("panels", f"{items} items, {people} annotators, epsilon 0", partial(run_panel, items, people, reps, 800))
        for items, people in ((30, 3), (60, 5), (200, 3))
    ]
    found += [
        ("panels", f"{items} items, 3 of one mind, epsilon {epsilon:g}", partial(run_edge, items, epsilon, reps, 850))
        for items in (30, 50, 100)
        for epsilon in (0.1, 0.15, 0.2)
    ]
    for clusters in (30, 150):
        for seeds, scatter in (((1, 1), 0.0), ((2, 2), 0.05), ((3, 3), 0.0), ((3, 3), 0.05), ((5, 5), 0.05)):
            for gain in (0.0, 0.05):
                name = f"{clusters} prompts, seeds {seeds[0]}/{seeds[1]}, scatter {scatter:g}, difference {gain:g}"
                found.append(("pairs", name, partial(run_pair, clusters, seeds, scatter, gain, reps, 900)))
    alone = partial(run_pair, 150, (1, 1), 0.05, 0.0, reps, 900)
    found.append(("one run", "150 prompts, seeds 1/1, scatter 0.05, read as if for any run", alone))
    return found


def misses(rows: list[dict[str, Any]]) -> list[str]:
    """The worst of each kind, and every regime short of a goal; published methods and `one run` are there to compare."""
    own = [row for row in rows if row["evidence"] != "one run"]
    lines = []
    for key in ("debiased", "human_only", "rho", "difference"):
        found = [row for row in own if key in row and row["evidence"] != "panels"]
        lines += [f"lowest coverage, {key}: {_worst(found, key, min)}"]
        lines += [f"MISSED: {key} {100 * row[key]:.1f} % in '{row['regime']}'" for row in found if row[key] < LEAST]
    for key in ("false_verdict", "guarded_any_false", "guarded_size", "published_size"):
        found = [row for row in own if key in row]
        lines += [f"most errors, {key}: {_worst(found, key, max)}"]
        if not key.startswith("published"):
            lines += [f"MISSED: {key} {100 * row[key]:.1f} % in '{row['regime']}'" for row in found if row[key] > MOST]
    return lines


def _worst(rows: list[dict[str, Any]], key: str, choose: Callable[..., dict[str, Any]]) -> str:
    row = choose(rows, key=lambda one: one[key])
    value, draws = row[key], row.get("replicates")
    error = f" ± {100 * np.sqrt(value * (1 - value) / draws):.1f}" if draws else ""
    return f"{100 * value:.1f}{error} % ({row['regime']})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reps", type=int, default=1500, help="replicates of a regime")
    parser.add_argument("--only", default="", help="a kind of evidence")
    args = parser.parse_args()
    rows, kind, began = [], "", time.process_time()
    for evidence, regime, run in jobs(args.reps):
        if args.only not in ("", evidence):
            continue
        found = {key: round(value, 4) if isinstance(value, float) else value for key, value in run().items()}
        if evidence != kind:
            kind = evidence
            print(kind)
        print(
            f"  {regime:66}", *(f"{key} {value:g}" for key, value in found.items() if key != "replicates"), flush=True
        )
        rows.append({"evidence": evidence, "regime": regime} | found)
    seconds = time.process_time() - began
    if not args.only:
        print("\n" + "\n".join(misses(rows)))
        OUT.parent.mkdir(exist_ok=True)
        result = {"reps": args.reps, "cpu_seconds": round(seconds), "regimes": rows}
        OUT.write_text(json.dumps(result, indent=1) + "\n")
    print(f"{seconds:.0f} s of CPU time")


if __name__ == "__main__":
    main()
