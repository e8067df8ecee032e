"""The scores and proportions of coverage.py: right or wrong on items, and a judge's rates. Read `run_scores` first."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom, norm

from coverage_common import SCALE, Boards, covered
from coverage_truth import hermite
from fairtrial.ranking.method import Method
from fairtrial.ranking.ratings import rate
from fairtrial.ranking.scores import implied_battles
from fairtrial.stats import fit_bradley_terry, paired_scores, proportion


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRegime:
    """Right or wrong on items that are hard or easy for all; `repeats` samples an item are averaged."""

    name: str
    items: int
    rates: tuple[float, ...]
    repeats: int = 1
    shared: float = 0.4
    """Correlation of two contestants' latent success through the item."""


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


def latent(rates: tuple[float, ...], shared: float) -> Iterator[tuple[float, np.ndarray]]:
    """Item difficulties with their mass and each contestant's chance of being right on such an item."""
    for node, mass in zip(*hermite(61), strict=True):
        yield mass, norm.cdf((norm.ppf(rates) - np.sqrt(shared) * node) / np.sqrt(1 - shared))


def expected_score_theta(regime: ScoreRegime) -> np.ndarray:
    """Strengths of the implied battles on infinitely many items."""
    size = len(regime.rates)
    cells = np.zeros((size, size, 3))
    grid = np.arange(regime.repeats + 1)
    for mass, right in latent(regime.rates, regime.shared):
        chance = binom.pmf(grid[:, None], regime.repeats, right[None, :])
        below = np.cumsum(chance, axis=0) - chance
        win = chance.T @ below
        cells += mass * np.stack([win.T, chance.T @ chance, win], axis=2)
    cells[np.arange(size), np.arange(size)] = 0
    return fit_bradley_terry(cells).theta


def run_scores(regime: ScoreRegime, reps: int, seed: int) -> dict[str, float]:
    """Score tables drawn and compared as `score_board` does."""
    rates = np.array(regime.rates)
    true_gap = rates[:, None] - rates[None, :]
    theta = expected_score_theta(regime)
    true_rating = SCALE * (theta[:, None] - theta[None, :])
    pairs = np.triu_indices(len(rates), 1)
    single, means, rating, together, boards = [], [], [], [], Boards()
    names = [f"c{k}" for k in range(len(rates))]
    for rep in range(reps):
        rng = np.random.default_rng(np.random.SeedSequence([seed, rep]))
        hard = rng.standard_normal((regime.items, 1, 1))
        noise = rng.standard_normal((regime.items, len(rates), regime.repeats))
        latent_value = np.sqrt(regime.shared) * hard + np.sqrt(1 - regime.shared) * noise
        scores = (latent_value < norm.ppf(rates)[None, :, None]).mean(axis=2)
        found = paired_scores(scores, seed=rep)
        single.append(((found.single.lower <= true_gap) & (true_gap <= found.single.upper))[pairs])
        boards.add(found.together, true_gap, margin=0.05)
        own = [proportion(column) for column in scores.T]
        means.append([one.lower <= p <= one.upper for one, p in zip(own, rates, strict=True)])
        ratings = rate(implied_battles(names, scores), Method(seed=rep))
        if np.isfinite(ratings.rating).all():
            centre = 1000 + SCALE * theta
            rating.append((ratings.lower <= centre) & (centre <= ratings.upper))
        held = (ratings.pairs.lower <= true_rating + 1e-9) & (true_rating - 1e-9 <= ratings.pairs.upper)
        together.append(bool(held.all()))
    result = {"replicates": reps} | covered("difference", single) | covered("score", means)
    if len(rating) >= 100:
        result |= covered("rating", rating)
    result |= boards.shares()
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
        held.append([found.lower <= rate_of_yes <= found.upper])
    return {"replicates": reps} | covered("proportion", held)
