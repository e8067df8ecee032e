"""Plain win rates against one model, as AlpacaEval publishes them. Read `win_rates` first.

A win rate needs no model of strengths and says nothing about opponents that did not meet; it is the right summary where
every model met the same baseline on the same prompts.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from fairtrial.core import BadInput, NoConclusion, nearest
from fairtrial.core.flow import EvidenceKind
from fairtrial.ranking.boards import check_options, headline_kind, selected
from fairtrial.ranking.sources import as_battles
from fairtrial.stats import A_WINS, Battles, proportion
from fairtrial.stats._arrays import FloatArray, tally


@dataclass(frozen=True, slots=True, kw_only=True)
class WinRate:
    """How often a model was voted better than the baseline; a tie counts half."""

    name: str
    rate: float
    """0 … 1."""
    se: float | None
    """Standard error as published, with prompts as the sample (n - 1 in the denominator); None with a single prompt.

    It is 0 where all votes say the same, which is no certainty: `ci` holds there too.
    """
    ci: tuple[float, float]
    """Interval of the rate with prompts as the sample; never of zero width (`stats.proportion`)."""
    votes: float
    """Weight of its votes against the baseline."""
    prompts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WinRates:
    """Win rates against one model, best first; a sequence of its rows."""

    against: str
    evidence: EvidenceKind
    rows: tuple[WinRate, ...]
    excluded: Mapping[str, int]
    """Votes left out by reason: other kinds of evidence, votes for neither, votes between other models."""

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[WinRate]:
        return iter(self.rows)

    @overload
    def __getitem__(self, place: int) -> WinRate: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[WinRate, ...]: ...
    def __getitem__(self, place: int | slice) -> WinRate | tuple[WinRate, ...]:
        return self.rows[place]


def win_rates(
    battles: Any, against: str | None = None, *, evidence: EvidenceKind | None = None, alpha: float = 0.05
) -> WinRates:
    """Win rates of all models against a baseline, best first, by votes of one kind.

    With y_g the wins on prompt g and w_g its votes, the rate is r = sum y / sum w and its variance
    G / (G - 1) sum (y_g - r w_g)^2 / (sum w)^2: with one vote a prompt the usual standard error of a mean.

    Args:
        battles: As for `rank`.
        against: The baseline; None: the one model that is in every decided battle.
        evidence: Kind of the votes; votes of other kinds are left out and counted. None: as `rank` chooses.
        alpha: Error probability of each interval.

    Raises:
        BadInput: A bad option, an unknown baseline, or none named where no model, or more than one, is in every battle.
        NoConclusion: No decided vote against it.
    """
    check_options(evidence, alpha)
    given = as_battles(battles)
    kind = evidence or headline_kind(given)
    chosen, excluded = selected(given, kind)
    votes = chosen.decided()
    base = _baseline(votes, against)
    rows = []
    for k, name in enumerate(votes.names):
        if k == base:
            continue
        first = (votes.a == k) & (votes.b == base)
        own = first | ((votes.b == k) & (votes.a == base))
        if own.any():
            share = votes.outcome[own] / A_WINS
            rows.append(_rate(name, np.where(first[own], share, 1 - share), votes.take(own), alpha))
    if not rows:
        raise NoConclusion(f"no decided vote against '{votes.names[base]}': no evidence.")
    if others := votes.ballots((votes.a != base) & (votes.b != base)):
        excluded[f"without {votes.names[base]}"] = others
    return WinRates(
        against=votes.names[base],
        evidence=kind,
        rows=tuple(sorted(rows, key=lambda row: (-row.rate, row.name))),
        excluded=excluded,
    )


def _rate(name: str, share: FloatArray, votes: Battles, alpha: float) -> WinRate:
    cluster = np.unique(votes.clusters("prompt"), return_inverse=True)[1]
    count, weight = int(cluster.max()) + 1, votes.vote_weights()
    held, won = tally(cluster, weight, count), tally(cluster, weight * share, count)
    rate = float(won.sum() / held.sum())
    spread = float(((won - rate * held) ** 2).sum()) / float(held.sum()) ** 2
    error = math.sqrt(count / (count - 1) * spread) if count > 1 else None
    found = proportion(share, cluster, weights=weight, alpha=alpha)
    ends = (found.lower, found.upper)
    return WinRate(name=name, rate=rate, se=error, ci=ends, votes=float(held.sum()), prompts=count)


def _baseline(votes: Battles, against: str | None) -> int:
    if against is not None:
        if against not in votes.names:
            raise BadInput(f"no model is called '{against}'.", where="against", next_step=nearest(against, votes.names))
        return votes.names.index(against)
    size = len(votes.names)
    met = np.bincount(votes.a, minlength=size) + np.bincount(votes.b, minlength=size)
    always = np.flatnonzero(met == len(votes))
    if len(always) != 1 or not len(votes):
        raise BadInput(
            "no single model is in every battle, so win rates need a baseline.",
            where="against",
            next_step="Name the model to compare with.",
        )
    return int(always[0])
