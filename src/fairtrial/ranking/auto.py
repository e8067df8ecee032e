"""Which model of ties predicts held-out votes best: `--ties auto`. Read `choose_ties` first.

Exploratory: choosing a model by its fit makes every interval after it a little too sure of itself; the board says so.
"""

from typing import Any

import numpy as np

from fairtrial.stats import (
    TIE,
    TIE_MODELS,
    Battles,
    BradleyTerry,
    Comparisons,
    Ties,
    connectivity,
    fit,
    tie_weight_bounded,
)
from fairtrial.stats._arrays import BoolArray, FloatArray

AUTO = "auto"
_FOLDS = {1: 5, 2: 3}
"""Folds for each kind of group, by how many kinds there are; with two, every pair of folds is held out once."""


def choose_ties(votes: Battles, *, seed: int) -> tuple[Ties, dict[str, Any]]:
    """The tie model with the smallest held-out log-loss over B wins, tie, A wins; all models on the same votes.

    Folds hold whole prompts and whole raters: a held-out vote shares neither with the votes that predict it. Half wins
    give no chance of a tie, so they borrow the share of ties among the votes fitted.

    Args:
        votes: Decided votes.
        seed: Seed of the folds.

    Returns:
        The model, and the losses for the board's `fit`; Davidson's where no fold could be fitted by all of them.
    """
    total = dict.fromkeys(TIE_MODELS, 0.0)
    held_out, weight = 0, 0.0
    for train, test in _folds(votes, seed):
        fitted, tested = votes.take(train), votes.take(test)
        cells = fitted.cells()
        if not len(tested) or not _all_models_fit(cells):
            continue
        comparisons = Comparisons.of(fitted)
        fits = {ties: fit(comparisons, ties=ties) for ties in TIE_MODELS}
        if not all(found.converged for found in fits.values()):
            continue
        held_out += len(tested)
        weight += float(tested.vote_weights().sum())
        for ties, found in fits.items():
            total[ties] += float(_losses(found, fitted, tested, ties) @ tested.vote_weights())
    if not held_out:
        word = "too few votes to hold any out; Davidson's model is taken"
        return "davidson", {"ties_auto": {"loss": None, "votes": 0, "note": word}}
    best: Ties = min(TIE_MODELS, key=lambda ties: total[ties])
    loss = {ties: total[ties] / weight for ties in TIE_MODELS}
    note = "exploratory: the intervals take the chosen model as given"
    return best, {"ties_auto": {"loss": loss, "votes": held_out, "note": note}}


def _folds(votes: Battles, seed: int) -> list[tuple[BoolArray, BoolArray]]:
    groups = [code for code in (votes.prompt, votes.rater) if code is not None] or [votes.clusters("prompt")]
    count = _FOLDS[len(groups)]
    rng = np.random.default_rng(np.random.SeedSequence([seed, 2]))
    folds = [rng.permutation(np.arange(int(code.max()) + 1) % count)[code] for code in groups]
    if len(folds) == 1:
        return [(folds[0] != k, folds[0] == k) for k in range(count)]
    first, second = folds
    return [((first != i) & (second != j), (first == i) & (second == j)) for i in range(count) for j in range(count)]


def _all_models_fit(cells: FloatArray) -> bool:
    ties = cells[:, :, TIE]
    return (
        connectivity(cells).connected
        and bool(ties.any())
        and bool(cells.sum() > ties.sum())
        and tie_weight_bounded(cells)
    )


def _losses(found: BradleyTerry, fitted: Battles, tested: Battles, ties: Ties) -> FloatArray:
    """(n,) log-loss of each held-out vote."""
    d = found.gap[tested.a, tested.b]
    outcome = tested.outcome.astype(np.int64)
    if ties != "half":
        return np.asarray(-found.model.at(d, outcome, found.phi).value())
    share = float(fitted.vote_weights()[fitted.outcome == TIE].sum() / fitted.vote_weights().sum())
    decided = np.log1p(-share) + found.model.at(d, outcome, found.phi).value()
    return np.asarray(-np.where(outcome == TIE, np.log(share), decided))
