"""What the integrity page says, gathered from counts, votes, the registry and the log. Read `Picture` first."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import chdtrc

from fairtrial.arena import raters
from fairtrial.arena.arena import Arena
from fairtrial.arena.boards import View
from fairtrial.arena.deblinding import Audit, TooFew
from fairtrial.arena.exposure import Exposure, Standing
from fairtrial.arena.registry import Change
from fairtrial.stats import proportion
from fairtrial.stats.proportions import Proportion
from fairtrial.store import history


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposed:
    """One contestant's exposure."""

    name: str
    state: str
    since: str
    standing: Standing
    simulated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """The arena's conduct, in numbers anyone may check against the public data."""

    contestants: list[Exposed]
    exposure: Exposure
    fit_p: float | None
    """Probability of draws at least as uneven as these if the declared policy was followed (chi-square over pairs);
    None while fewer than five draws a pair are expected."""
    first: Proportion | None
    """Share of decided battles that the answer shown first won, clustered by rater."""
    raters: dict[str, int]
    """Raters by kind."""
    share_of_top: float
    """Share of all votes that the hundredth part of raters with most votes cast (one rater at least)."""
    weighted: dict[str, int]
    """Votes that count less than in full, by reason."""
    audit: Audit | TooFew | None
    """How well a program tells the contestants apart by their texts; None while it is being made."""
    hidden: list[tuple[str, Proportion]]
    """Name of each audited contestant, and how often a program that is told both names knows which answer is its."""
    retirements: list[Change]
    log_size: int
    log_link: str
    withheld: int
    """Entries of the log whose body was erased."""


def picture(arena: Arena) -> Picture:
    """The picture now."""
    columns = arena.boards.selected(View())  # battles of the arena: tasks are not drawn, and probes are no votes
    with arena.store.reading() as connection:
        head = history.head(connection)
        withheld = history.withheld(connection)
        kinds = raters.kinds(connection)
    entrants = arena.registry.entrants
    contestants = [
        Exposed(
            name=one.contestant.name,
            state=one.state,
            since=one.since,
            standing=arena.exposure.contestants.get(key, Standing()),
            simulated=one.contestant.model.simulated,
        )
        for key, one in sorted(entrants.items(), key=lambda item: item[1].contestant.name)
    ]
    _, reasons = arena.boards.weights()
    audit = arena.auditor.look(len(arena.votes))
    told = audit.each if isinstance(audit, Audit) else {}
    return Picture(
        contestants=contestants,
        exposure=arena.exposure,
        fit_p=_fit(arena.exposure),
        first=_first(columns),
        raters=kinds,
        share_of_top=_top([r for r, w in zip(columns["rater"], columns["winner"], strict=True) if w != "abstain"]),
        weighted={name: count for name, count in Counter(reasons).items() if name},
        audit=audit,
        hidden=[(arena.registry.name(key), rate) for key, rate in told.items()],
        retirements=[c for c in arena.registry.changes() if c.event in ("retired", "stopped", "resumed")],
        log_size=head.size,
        log_link=head.link.hex(),
        withheld=withheld,
    )


def _fit(exposure: Exposure) -> float | None:
    expected = np.array(list(exposure.expected.values()))
    if len(expected) < 2 or expected.min() < 5:
        return None
    drawn = np.array([exposure.pairs[pair] for pair in exposure.expected])
    return float(chdtrc(len(expected) - 1, ((drawn - expected) ** 2 / expected).sum()))


def _first(columns: dict[str, list[Any]]) -> Proportion | None:
    rows = [k for k, winner in enumerate(columns["winner"]) if winner in ("model_a", "model_b")]
    if not rows:
        return None
    won = [(columns["winner"][k] == "model_a") == (columns["order"][k] == "ab") for k in rows]
    return proportion(won, [columns["rater"][k] for k in rows])


def _top(voters: list[str]) -> float:
    counts = sorted(Counter(voters).values(), reverse=True)
    return sum(counts[: max(len(counts) // 100, 1)]) / len(voters) if voters else 0.0
