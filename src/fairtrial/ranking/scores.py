"""Scores on the same items to a board: means, paired differences, implied battles. Read `score_board` first."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fairtrial.core import BadInput, Board, BoardModel, NoConclusion
from fairtrial.ranking.boards import check_options
from fairtrial.ranking.method import Method
from fairtrial.ranking.ratings import rate
from fairtrial.ranking.rows import difference_rows, model_rows, snapshot, win_counts
from fairtrial.ranking.scope import few_prompts
from fairtrial.stats import (
    A_WINS,
    B_WINS,
    TIE,
    Battles,
    PairedScores,
    paired_bootstrap,
    paired_scores,
    proportion,
    tiers,
)

SCORE_MARGIN = 0.05
"""Default smallest score difference that matters: 5 points of 100."""
CROSS_CHECK_UP_TO = 2000
"""Most items for which every board repeats its intervals by bootstrap."""


def score_board(
    names: Sequence[str],
    matrix: ArrayLike,
    n_responses: int | Sequence[int] | None = None,
    *,
    repeats: int = 1,
    margin: float = SCORE_MARGIN,
    alpha: float = 0.05,
    draws: int = 4000,
    seed: int = 0,
    view: dict[str, str] | None = None,
) -> Board:
    """A scorers' board: contestants scored on the same items.

    Scores and their intervals come from `stats.proportion`; differences, rank sets and tiers from paired differences,
    all pairs at once (`stats.paired_scores`), repeated by bootstrap as a check (`fit["cross_check"]`). Ratings are
    those of the implied battles: on each item the higher score wins, equal scores tie.

    Args:
        names: K contestants, each named once.
        matrix: (n, K) mean score 0 … 1 of each contestant on each item; NaN where an item is missing. Failed answers
            count 0, they are not missing.
        n_responses: Responses behind each contestant's score, one number for all or K numbers; None: items x repeats.
        repeats: Responses behind each entry of the table.
        margin: Smallest difference that matters, in score (0.05: five points of 100).
        alpha: Error probability: of each score's interval, and of all rank sets and differences together.
        draws: Draws behind the simultaneous critical value.
        seed: Seed of the draws.
        view: What was selected, for the board's label.

    Raises:
        BadInput: Names that repeat or don't fit the table, scores outside 0 … 1.
        NoConclusion: No score at all.
    """
    check_options("scorer", alpha, margin=margin, draws=draws, seed=seed)
    scores = _table(names, matrix)
    paired = paired_scores(scores, alpha=alpha, draws=draws, seed=seed)
    battles = implied_battles(names, scores)
    ratings = rate(battles, Method(alpha=alpha, draws=draws, seed=seed))
    means = np.array([_mean(column) for column in scores.T])
    order = np.lexsort((np.arange(len(means)), -np.nan_to_num(means, nan=-1.0)))
    tier = np.where(np.isnan(means), 0, tiers(order, paired.together.separated))
    rows = model_rows(battles, ratings, paired.together, tier)
    shared = ~np.isnan(scores)
    counts = shared.sum(axis=0) * repeats if n_responses is None else np.broadcast_to(n_responses, len(names))
    scored = [_with_score(row, scores[:, k], int(counts[k]), alpha) for k, row in enumerate(rows)]
    words: list[str] = []
    narrow = few_prompts(float(shared.any(axis=1).sum()), words)
    wins = win_counts(battles)[np.ix_(order, order)]
    return Board(
        evidence="scorer",
        scope="these prompts" if narrow else "population",
        view=view or {"category": "all"},
        models=tuple(scored[k] for k in order),
        differences=difference_rows(names, order, paired.together, paired.items, unit="score", margin=margin),
        fit=_fit(scores, paired, alpha=alpha, draws=draws, seed=seed) | {"ratings": ratings.fit},
        refusals=(*_no_evidence(names, scores), *ratings.refusals, *words),
        matrix=tuple(tuple(row) for row in wins.tolist()),
        snapshot=snapshot(names, (scores,)),
    )


def implied_battles(names: Sequence[str], scores: np.ndarray) -> Battles:
    """Every pair of contestants on every item that both have: the higher score wins, equal scores tie."""
    a, b = np.triu_indices(len(names), 1)
    first, second = scores[:, a], scores[:, b]
    item, pair = np.nonzero(~np.isnan(first) & ~np.isnan(second))
    gap = np.round(first[item, pair] - second[item, pair], 12)  # means over repeats that differ by rounding are equal
    outcome = np.where(gap > 0, A_WINS, np.where(gap < 0, B_WINS, TIE))
    return Battles(names=tuple(names), a=a[pair], b=b[pair], outcome=outcome, prompt=item)


def _table(names: Sequence[str], matrix: ArrayLike) -> np.ndarray:
    scores = np.asarray(matrix, dtype=np.float64)
    double = sorted({name for name in names if list(names).count(name) > 1})
    if double:
        raise BadInput(f"contestants named twice: {', '.join(double)}.", next_step="Give each a name of its own.")
    if scores.ndim != 2 or scores.shape[1] != len(names):
        raise BadInput(f"a score table of shape {scores.shape} does not fit {len(names)} contestants.")
    if not (~np.isnan(scores)).any():
        raise NoConclusion("no scores to rank by: no evidence.", next_step="Run the trial, or add references.")
    return scores


def _mean(column: np.ndarray) -> float:
    known = column[~np.isnan(column)]
    return float(known.mean()) if len(known) else float("nan")


def _with_score(row: BoardModel, column: np.ndarray, responses: int, alpha: float) -> BoardModel:
    if np.isnan(column).all():
        return row
    found = proportion(column, alpha=alpha)
    return replace(row, score=found.estimate, score_ci=(found.lower, found.upper), score_n=responses)


def _no_evidence(names: Sequence[str], scores: np.ndarray) -> list[str]:
    known = scores[~np.isnan(scores)]
    words = [
        f"No evidence about '{name}': it was scored on no item."
        for name, column in zip(names, scores.T, strict=True)
        if np.isnan(column).all()
    ]
    if (known == 0).all():
        words.append("No evidence: every contestant scores 0 on every item, the items are too hard to tell them apart.")
    if (known == 1).all():
        words.append("No evidence: every contestant scores 1 on every item, the items are too easy to tell them apart.")
    return words


def _fit(scores: np.ndarray, paired: PairedScores, *, alpha: float, draws: int, seed: int) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "model": "paired score differences",
        "interval": "Student t over items with two pseudo-items, simultaneous by max-T",
        "score_interval": "Wilson on the effective number of items",
        "alpha": alpha,
        "draws": draws,
        "seed": seed,
        "items": len(scores),
        "pair_level": paired.together.level,
        "cross_check": None,
    }
    if len(scores) <= CROSS_CHECK_UP_TO and scores.shape[1] > 1:
        again = paired_bootstrap(scores, alpha=alpha, seed=seed)
        shared = paired.items > 0
        ends = ((paired.single.lower, again.lower), (paired.single.upper, again.upper))
        gap = max(float(np.abs(one[shared] - other[shared]).max(initial=0.0)) for one, other in ends)
        facts["cross_check"] = {"method": "bootstrap over items, single intervals", "largest_gap": gap}
    return facts
