"""Votes to a board: read, select, count what is left out, rate, state the scope. Read `rank` first."""

from typing import Any

import numpy as np

from fairtrial.core import BadInput, Board, NoConclusion, nearest
from fairtrial.core.flow import EvidenceKind
from fairtrial.ranking.ratings import CENTRE, SCALE, Method, rate
from fairtrial.ranking.rows import difference_rows, model_rows, snapshot, win_counts
from fairtrial.ranking.scope import scope
from fairtrial.ranking.sources import as_battles, of_kind
from fairtrial.stats import BOTH_BAD, KINDS, TIE, Battles, Ties, connectivity, fit_bradley_terry, known_ties

RATING_MARGIN = 35.0
"""Default smallest rating difference that matters: a win rate of 55 %."""


def rank(
    battles: Any,
    *,
    evidence: EvidenceKind = "human",
    ties: str = "davidson",
    cluster: tuple[str, ...] = ("prompt",),
    alpha: float = 0.05,
    margin: float = RATING_MARGIN,
    draws: int = 4000,
    seed: int = 0,
    view: dict[str, str] | None = None,
) -> Board:
    """Rank models by votes, with honest uncertainty.

    Ratings are Bradley-Terry strengths (`stats.bradley_terry`), intervals cluster-robust (`stats.sandwich`), rank sets,
    tiers and differences simultaneous over all pairs (`stats.simultaneous`). "Both bad" is no tie: it is left out and
    counted, and `fit` also gives the ratings with it counted as a tie.

    Args:
        battles: A path (CSV, TSV, JSONL, Parquet), a dict of columns, a data frame, an Arrow table, or `Battles`.
        evidence: Kind of the votes; votes of other kinds are left out and counted.
        ties: ``davidson``, or ``half`` for half wins.
        cluster: What was sampled, ``prompt`` and/or ``rater``.
        alpha: Error probability: of each rating's interval, and of all rank sets and differences together.
        margin: Smallest difference that matters, in rating points.
        draws: Draws behind the simultaneous critical value.
        seed: Seed of the draws.
        view: What was selected, for the board's label.

    Raises:
        BadInput: A bad file, label or option.
        NoConclusion: No vote to rank by.
    """
    check_options(evidence, alpha)
    tie_model = known_ties(ties)
    votes = as_battles(battles)
    chosen, excluded = of_kind(votes, evidence)
    excluded |= chosen.excluded()
    decided = chosen.decided()
    if not len(decided):
        raise _nothing_to_rank(len(votes), excluded)
    method = Method(ties=tie_model, cluster=tuple(cluster), alpha=alpha, draws=draws, seed=seed)
    ratings = rate(decided, method)
    where, words = scope(decided, evidence)
    rows = model_rows(decided, ratings, ratings.pairs, ratings.tier)
    wins = win_counts(decided)[np.ix_(ratings.order, ratings.order)]
    return Board(
        evidence=evidence,
        scope=where,
        view=view or {"category": "all"},
        models=tuple(rows[k] for k in ratings.order),
        differences=difference_rows(
            decided.names, ratings.order, ratings.pairs, ratings.items, unit="rating", margin=margin
        ),
        fit=ratings.fit | _with_both_bad(chosen, tie_model),
        refusals=(*ratings.refusals, *words),
        excluded=excluded,
        matrix=tuple(tuple(row) for row in wins.tolist()),
        snapshot=snapshot(
            votes.names,
            (votes.a, votes.b, votes.outcome, votes.prompt, votes.rater, votes.weight, votes.order, votes.kind),
        ),
    )


def check_options(evidence: str, alpha: float) -> None:
    """Refuse an unknown kind of evidence and an error probability outside 0 … 1."""
    if evidence not in KINDS:
        raise BadInput(f"unknown kind of evidence '{evidence}'.", where="evidence", next_step=nearest(evidence, KINDS))
    if not 0 < alpha < 1:
        raise BadInput(f"alpha must lie between 0 and 1, not {alpha}.", where="alpha")


def _nothing_to_rank(votes: int, excluded: dict[str, int]) -> NoConclusion:
    reasons = ", ".join(f"{count} {reason}" for reason, count in excluded.items())
    return NoConclusion(
        f"no votes to rank by: {votes} in all" + (f", left out: {reasons}." if reasons else "."),
        next_step="Gather votes, or name the kind of evidence the file holds." if votes else "Gather votes first.",
    )


def _with_both_bad(chosen: Battles, ties: Ties) -> dict[str, Any]:
    """The board's ratings with "both bad" counted as ties, where there are such votes and joint ratings exist."""
    if not (chosen.outcome == BOTH_BAD).any():
        return {}
    cells = chosen.cells()
    bad = chosen.outcome == BOTH_BAD
    np.add.at(cells, (chosen.a[bad], chosen.b[bad], TIE), chosen.vote_weights()[bad])
    if not connectivity(cells).connected or cells.sum() == cells[:, :, TIE].sum():
        return {"ratings_with_both_bad_as_tie": None}
    theta = fit_bradley_terry(cells, ties=ties).theta
    points = {name: float(CENTRE + SCALE * value) for name, value in zip(chosen.names, theta, strict=True)}
    return {"ratings_with_both_bad_as_tie": points}
