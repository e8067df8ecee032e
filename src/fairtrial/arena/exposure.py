"""Who was drawn how often, on which side, and what became of it: what the integrity page prints. Read `Exposure` first.

Counted ballot by ballot, in one pass at the start and then as they are settled. A ballot that may still be used is not
counted yet: who watched the counts while asking would learn who answers.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations

from sqlalchemy import select
from sqlalchemy.engine import Connection

from fairtrial.arena.ballots import Ballot, as_ballot
from fairtrial.arena.clock import now
from fairtrial.arena.pairing import Pairing, pair_chances, redrawn
from fairtrial.store.arena_tables import ballots

_PAGE = 2000


@dataclass(slots=True)
class Standing:
    """One contestant's part in the battles."""

    drawn: int = 0
    expected: float = 0.0
    """Draws that the declared policy gives on average, among those present each time."""
    first: int = 0
    """Shown first."""
    voted: int = 0
    skipped: int = 0
    void: Counter[str] = field(default_factory=Counter)
    """Battles that ended without a vote, by what failed; the failure may have been the other one's."""
    masked: int = 0
    """Self-identifications that were masked in its answers."""


@dataclass(slots=True)
class Exposure:
    """The sampling of the arena, counted. Battles of rating tasks are not drawn, so they are not counted here."""

    contestants: dict[str, Standing] = field(default_factory=dict)
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    expected: dict[tuple[str, str], float] = field(default_factory=dict)
    policies: Counter[str] = field(default_factory=Counter)
    not_redrawn: int = 0
    """Battles whose recorded seed gives another pair than the recorded one; anything but 0 is a defect or a fraud."""
    first_wins: int = 0
    second_wins: int = 0
    early: int = 0
    votes: int = 0
    both_bad: int = 0
    ties: int = 0
    skips: int = 0

    def _drawn(self, ballot: Ballot) -> None:
        pairing = ballot.pairing
        self.policies[pairing.policy] += 1
        self.pairs[pairing.a, pairing.b] += 1
        for pair, chance in _expected(pairing.policy, pairing.present, pairing.weights).items():
            self.expected[pair] = self.expected.get(pair, 0.0) + chance
            for name in pair:
                self._of(name).expected += chance
        for name in (pairing.a, pairing.b):
            self._of(name).drawn += 1
        self._of(ballot.contestant("A")).first += 1

    def settled(self, ballot: Ballot) -> None:
        """A ballot was used, its battle ended without a vote, or it expired; call it once for each."""
        pairing, outcome = ballot.pairing, ballot.outcome
        if ballot.task is not None:
            return
        self._drawn(ballot)
        sides = {"a": self._of(pairing.a), "b": self._of(pairing.b)}
        if outcome is None:
            if ballot.state == "void":
                for one in sides.values():
                    one.void[ballot.failure or "unknown"] += 1
            return
        for side, one in sides.items():
            one.masked += outcome.masked.get(side, 0)
            one.voted += outcome.status != "abstain"
            one.skipped += outcome.status == "abstain"
        if outcome.status == "abstain":
            self.skips += 1
            return
        self.votes += 1
        self.early += outcome.early
        self.both_bad += outcome.status == "both_bad"
        grade = outcome.grade or 0
        shown = grade if pairing.order == "ab" else -grade
        self.ties += outcome.status == "graded" and grade == 0
        self.first_wins += shown > 0
        self.second_wins += shown < 0

    def _of(self, name: str) -> Standing:
        return self.contestants.setdefault(name, Standing())


def counted(connection: Connection) -> Exposure:
    """The exposure of every ballot on record that can be used no more."""
    exposure, moment = Exposure(), now()
    for ballot in every_ballot(connection):
        if ballot.state != "open" or ballot.expires < moment:
            exposure.settled(ballot)
            exposure.not_redrawn += ballot.task is None and _is_other(ballot.pairing)
    return exposure


def every_ballot(connection: Connection) -> Iterator[Ballot]:
    """Every ballot on record, a page at a time."""
    query, last = select(ballots).order_by(ballots.c.id).limit(_PAGE), ""
    while page := connection.execute(query.where(ballots.c.id > last)).all():
        yield from map(as_ballot, page)
        last = page[-1].id


def _is_other(pairing: Pairing) -> bool:
    """Whether the recorded seed gives another pair, or other sides, than the recorded ones."""
    again = redrawn(pairing)
    return (again.a, again.b, again.order) != (pairing.a, pairing.b, pairing.order)


@cache
def _expected(policy: str, present: tuple[str, ...], weights: tuple[float, ...]) -> Mapping[tuple[str, str], float]:
    floor = 1.0 if policy == "uniform" else float(policy.removeprefix("floor "))
    chances = pair_chances(weights, floor)
    return dict(zip(combinations(present, 2), map(float, chances), strict=True))
