"""Do the intervals hold? Simulated boards whose truth is known: coverage, family-wise error, false verdicts.

Run `python benchmarks/coverage.py` (about 5 minutes on one core); it prints a table and writes results/coverage.json.
Every regime repeats: draw a board from the truth, compute it as the product does, compare. Goals: what is nominally 95 %
covers at least 93 %; at most 5 % of boards separate two models wrongly or pronounce any wrong verdict.
"""

import argparse
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # small matrices: threads only spin

import numpy as np
from scipy.stats import norm, t

from fairtrial.ranking.ratings import Method, rate
from fairtrial.ranking.scores import implied_battles
from fairtrial.stats import (
    Battles,
    chances,
    clustered_covariance,
    connectivity,
    fit_bradley_terry,
    paired_scores,
    proportion,
    verdict,
)

OUT = Path(__file__).parent / "results" / "coverage.json"
SCALE = 400 / np.log(10)
LOG_NU = float(np.log(1.1))
NODES, MASS = np.polynomial.hermite_e.hermegauss(61)
MASS = MASS / MASS.sum()


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteRegime:
    """Votes on prompts that favour one model or another: sd `taste` (natural log units) per prompt and model."""

    name: str
    models: int
    prompts: int
    votes: int
    taste: float
    heavy: bool = False
    equal: bool = False
    ties: str = "davidson"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRegime:
    """Right or wrong on items that are hard or easy for all; `repeats` samples an item are averaged."""

    name: str
    items: int
    rates: tuple[float, ...]
    repeats: int = 1
    shared: float = 0.4
    """Correlation of two contestants' latent success through the item."""


VOTES = (
    VoteRegime(name="10 models, 20 prompts", models=10, prompts=20, votes=900, taste=0.6),
    VoteRegime(name="10 models, 40 prompts", models=10, prompts=40, votes=1800, taste=0.6),
    VoteRegime(
        name="10 models, 40 prompts of unequal weight", models=10, prompts=40, votes=1800, taste=0.6, heavy=True
    ),
    VoteRegime(name="10 models, 200 prompts", models=10, prompts=200, votes=3000, taste=0.6),
    VoteRegime(name="10 models, 200 prompts, half wins", models=10, prompts=200, votes=3000, taste=0.6, ties="half"),
    VoteRegime(name="4 models, 40 prompts, few votes", models=4, prompts=40, votes=120, taste=0.6),
    VoteRegime(name="10 equal models, 40 prompts", models=10, prompts=40, votes=1800, taste=0.6, equal=True),
    VoteRegime(name="10 equal models, 200 prompts", models=10, prompts=200, votes=3000, taste=0.6, equal=True),
    VoteRegime(name="10 models, 800 prompts (CR0)", models=10, prompts=800, votes=4000, taste=0.6),
)
MIDDLE, FLOOR, CEILING = (0.5, 0.5, 0.5, 0.6, 0.8), (0.02, 0.02, 0.02, 0.05, 0.1), (0.9, 0.95, 0.98, 0.98, 0.98)
PLACES = {"middle": MIDDLE, "near the floor": FLOOR, "near the ceiling": CEILING, "equal": (0.6,) * 8}
SCORES = (
    *(
        ScoreRegime(name=f"{place}, {items} items", items=items, rates=rates)
        for place, rates in PLACES.items()
        for items in (20, 40, 200)
    ),
    ScoreRegime(name="middle, 40 items, 4 repeats averaged", items=40, rates=MIDDLE, repeats=4),
)


def strengths(models: int) -> np.ndarray:
    """Blocks of exactly tied models, so that any separation inside a block is false."""
    values = np.repeat(np.linspace(0.5, -0.5, max(models // 3, 2)), 3 if models > 4 else 2)[:models]
    values = np.concatenate([values, np.full(models - len(values), values[-1])])
    return values - values.mean()


def expected_theta(theta: np.ndarray, taste: float, ties: str) -> np.ndarray:
    """What infinitely many prompts and votes would give: the fit to expected counts under uniform pairs."""
    gap = theta[:, None] - theta[None, :]
    cells = np.zeros((len(theta), len(theta), 3))
    for node, mass in zip(NODES, MASS, strict=True):
        lose, tie, win = chances(gap + node * taste * np.sqrt(2), LOG_NU)
        cells += mass * np.stack([lose, tie, win], axis=2)
    cells[np.arange(len(theta)), np.arange(len(theta))] = 0
    return fit_bradley_terry(cells, ties=ties).theta


def draw_votes(regime: VoteRegime, theta: np.ndarray, rng: np.random.Generator) -> Battles:
    a = rng.integers(0, regime.models, regime.votes)
    b = (a + 1 + rng.integers(0, regime.models - 1, regime.votes)) % regime.models
    share = 1 / np.arange(1, regime.prompts + 1) ** (0.5 if regime.heavy else 0.0)
    prompt = rng.choice(regime.prompts, regime.votes, p=share / share.sum())
    taste = rng.normal(0, regime.taste, (regime.prompts, regime.models))
    lose, tie, _ = chances(theta[a] + taste[prompt, a] - theta[b] - taste[prompt, b], LOG_NU)
    u = rng.random(regime.votes)
    outcome = np.where(u < lose, 0, np.where(u < lose + tie, 1, 2))
    names = tuple(f"m{k}" for k in range(regime.models))
    return Battles(names=names, a=a, b=b, outcome=outcome, prompt=prompt)


def run_votes(regime: VoteRegime, reps: int, seed: int) -> dict[str, float]:
    theta = strengths(regime.models) * (not regime.equal)
    truth = expected_theta(theta, regime.taste, regime.ties)
    true_gap = SCALE * (truth[:, None] - truth[None, :])
    pairs = np.triu_indices(regime.models, 1)
    single, peer, level, boards, false_order, false_word, rated = [], [], [], [], [], [], 0
    for rep in range(reps):
        rng = np.random.default_rng(np.random.SeedSequence([seed, rep]))
        votes = draw_votes(regime, theta, rng)
        if not connectivity(votes.cells()).connected:
            continue
        rated += 1
        fit = fit_bradley_terry(votes.cells(), ties=regime.ties)
        gap = (fit.theta[:, None] - fit.theta[None, :])[pairs]
        for kept, cluster in ((single, votes.prompt), (peer, np.arange(len(votes)))):
            found = clustered_covariance(fit, votes, cluster)
            own = np.diag(found.covariance)
            sd = np.sqrt(own[:, None] + own[None, :] - 2 * found.covariance)[pairs]
            kept.append(np.abs(gap - true_gap[pairs] / SCALE) <= t.isf(0.025, found.df[pairs]) * sd)
        ratings = rate(votes, Method(ties=regime.ties, seed=rep))
        centre = 1000 + SCALE * truth
        level.append((ratings.lower <= centre) & (centre <= ratings.upper))
        boards.append(bool(((ratings.pairs.lower <= true_gap + 1e-9) & (true_gap - 1e-9 <= ratings.pairs.upper)).all()))
        false_order.append(bool((ratings.pairs.separated & (true_gap <= 1e-9)).any()))
        false_word.append(wrong_words(ratings.pairs, true_gap, margin=35.0))
    return summary(
        reps,
        rated,
        {
            "difference": np.mean(single, axis=0),
            "rating": np.mean(level, axis=0),
            "unclustered_difference": np.mean(peer, axis=0),
        },
        boards,
        false_order,
        false_word,
    )


def wrong_words(pairs, truth: np.ndarray, *, margin: float) -> bool:
    """Whether any verdict of the board is false."""
    for i, j in zip(*np.triu_indices(len(truth), 1), strict=True):
        said = verdict(
            float(pairs.estimate[i, j]), float(pairs.lower[i, j]), float(pairs.upper[i, j]), margin=margin, items=1
        ).word
        gap = truth[i, j]
        if (
            (said == "better" and gap <= 1e-9)
            or (said == "worse" and gap >= -1e-9)
            or (said == "equivalent" and abs(gap) >= margin)
        ):
            return True
    return False


def latent(rates: tuple[float, ...], shared: float) -> Iterator[tuple[float, np.ndarray]]:
    """Item difficulties with their mass and each contestant's chance of being right on such an item."""
    for node, mass in zip(NODES, MASS, strict=True):
        yield mass, norm.cdf((norm.ppf(rates) - np.sqrt(shared) * node) / np.sqrt(1 - shared))


def expected_score_theta(regime: ScoreRegime) -> np.ndarray:
    """Strengths of the implied battles on infinitely many items."""
    size = len(regime.rates)
    cells = np.zeros((size, size, 3))
    grid = np.arange(regime.repeats + 1)
    from scipy.stats import binom

    for mass, right in latent(regime.rates, regime.shared):
        chance = binom.pmf(grid[:, None], regime.repeats, right[None, :])
        below = np.cumsum(chance, axis=0) - chance
        win = chance.T @ below
        cells += mass * np.stack([win.T, chance.T @ chance, win], axis=2)
    cells[np.arange(size), np.arange(size)] = 0
    return fit_bradley_terry(cells).theta


def run_scores(regime: ScoreRegime, reps: int, seed: int) -> dict[str, float]:
    rates = np.array(regime.rates)
    true_gap = rates[:, None] - rates[None, :]
    theta = expected_score_theta(regime)
    true_rating = SCALE * (theta[:, None] - theta[None, :])
    pairs = np.triu_indices(len(rates), 1)
    single, means, boards, false_order, false_word, rating, together = [], [], [], [], [], [], []
    names = [f"c{k}" for k in range(len(rates))]
    for rep in range(reps):
        rng = np.random.default_rng(np.random.SeedSequence([seed, rep]))
        hard = rng.standard_normal((regime.items, 1, 1))
        noise = rng.standard_normal((regime.items, len(rates), regime.repeats))
        latent_value = np.sqrt(regime.shared) * hard + np.sqrt(1 - regime.shared) * noise
        scores = (latent_value < norm.ppf(rates)[None, :, None]).mean(axis=2)
        found = paired_scores(scores, seed=rep)
        single.append(((found.single.lower <= true_gap) & (true_gap <= found.single.upper))[pairs])
        boards.append(bool(((found.together.lower <= true_gap) & (true_gap <= found.together.upper)).all()))
        false_order.append(bool((found.together.separated & (true_gap <= 0)).any()))
        false_word.append(wrong_words(found.together, true_gap, margin=0.05))
        own = [proportion(column) for column in scores.T]
        means.append([one.lower <= p <= one.upper for one, p in zip(own, rates, strict=True)])
        ratings = rate(implied_battles(names, scores), Method(seed=rep))
        if np.isfinite(ratings.rating).all():
            centre = 1000 + SCALE * theta
            rating.append((ratings.lower <= centre) & (centre <= ratings.upper))
        held = (ratings.pairs.lower <= true_rating + 1e-9) & (true_rating - 1e-9 <= ratings.pairs.upper)
        together.append(bool(held.all()))
    parts = {"difference": np.mean(single, axis=0), "score": np.mean(means, axis=0)}
    if len(rating) >= 100:
        parts["rating"] = np.mean(rating, axis=0)
    result = summary(reps, reps, parts, boards, false_order, false_word)
    return result | {"boards_fully_rated": len(rating), "all_rating_differences": float(np.mean(together))}


def run_proportions(clusters: int, rate_of_yes: float, reps: int, seed: int) -> dict[str, float]:
    """A judge's position rate: 2 to 6 votes a prompt that lean the same way."""
    held = []
    for rep in range(reps):
        rng = np.random.default_rng(np.random.SeedSequence([seed, rep]))
        sizes = rng.integers(2, 7, clusters)
        lean = rng.beta(3 * rate_of_yes, 3 * (1 - rate_of_yes), clusters)
        code = np.repeat(np.arange(clusters), sizes)
        found = proportion((rng.random(len(code)) < lean[code]).astype(float), code)
        held.append(found.lower <= rate_of_yes <= found.upper)
    return {"boards": reps, "proportion": float(np.mean(held)), "proportion_worst": float(np.mean(held))}


def summary(reps, rated, parts, boards, false_order, false_word) -> dict[str, float]:
    result: dict[str, float] = {"boards": reps, "rated": rated}
    for name, values in parts.items():
        result[name], result[f"{name}_worst"] = float(np.mean(values)), float(np.min(values))
    return result | {
        "all_differences": float(np.mean(boards)),
        "family_wise_error": float(np.mean(false_order)),
        "false_verdict": float(np.mean(false_word)),
    }


def show(kind: str, name: str, found: dict[str, float]) -> str:
    def cell(key: str) -> str:
        return f"{100 * found[key]:6.1f}" if key in found else "     –"

    columns = ("score", "difference", "rating", "proportion")
    return (
        f"{kind:10} {name:42} "
        + " ".join(f"{cell(key)} ({cell(key + '_worst').strip()})" if key in found else f"{'–':>13}" for key in columns)
        + f" {cell('all_differences')} {cell('family_wise_error')} {cell('false_verdict')}"
        + f" {cell('unclustered_difference')}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reps", type=int, default=1500, help="boards a regime")
    parser.add_argument("--only", default="", help="part of a regime's name")
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    began = time.process_time()
    print(
        "Coverage of nominal 95 % intervals, mean over contrasts (worst contrast); all intervals of a board at once; boards\n"
        "with a false ordering; with a false verdict; and what votes taken as independent would cover. In per cent.\n"
    )
    print(
        f"{'evidence':10} {'regime':42} {'score':>13} {'difference':>13} {'rating':>13} {'proportion':>13}"
        f" {'all':>6} {'FWER':>6} {'false':>6} {'indep.':>6}"
    )
    jobs = [("votes", r.name, lambda r=r, k=k: run_votes(r, args.reps, 100 + k)) for k, r in enumerate(VOTES)]
    jobs += [("scores", r.name, lambda r=r, k=k: run_scores(r, args.reps, 200 + k)) for k, r in enumerate(SCORES)]
    jobs += [
        (
            "judge",
            f"{clusters} prompts, position rate {p}",
            lambda c=clusters, p=p: run_proportions(c, p, 4 * args.reps, 300),
        )
        for clusters in (30, 100)
        for p in (0.5, 0.8, 0.97)
    ]
    rows = []
    for kind, name, job in jobs:
        if args.only in name or args.only == kind:
            found = job()
            rows.append({"evidence": kind, "regime": name, **{k: round(v, 4) for k, v in found.items()}})
            print(show(kind, name, found), flush=True)
    kinds = ("score", "difference", "rating", "proportion")
    covers = [row[kind] for row in rows for kind in kinds if kind in row]
    worst = [row[f"{kind}_worst"] for row in rows for kind in kinds if kind in row]
    errors = [row[k] for row in rows for k in ("family_wise_error", "false_verdict") if k in row]
    print(f"\nlowest coverage {100 * min(covers):.1f} %, of one contrast {100 * min(worst):.1f} % (goal 93)")
    print(f"largest share of boards with an error {100 * max(errors):.1f} % (goal 5)")
    seconds = time.process_time() - began
    print(f"{seconds:.0f} s of CPU time")
    if not args.only:
        args.out.parent.mkdir(exist_ok=True)
        args.out.write_text(
            json.dumps({"reps": args.reps, "cpu_seconds": round(seconds), "regimes": rows}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
