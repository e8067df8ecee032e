"""All votes of the arena as the columns of a battle file, growing vote by vote. Read `VoteColumns.add` first."""

import threading
from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Connection

from fairtrial.arena.ballots import Ballot, as_ballot
from fairtrial.arena.items import probe_result
from fairtrial.core import digest
from fairtrial.store.arena_tables import ballots

_WINNER = {1: "model_a", 0: "tie", -1: "model_b"}
STYLE = ("characters", "headings", "list_items", "bold")
"""Features of style that every answer has counts of."""
_COMPARED = 500  # characters of a question that near-duplicates are found by


class VoteColumns:
    """Columns, one row a vote, in the order of the log. For many readers and one that adds.

    ``asked`` holds what people typed, for comparison with each other only: it is never published from here.

    Args:
        name_of: Contestant id to name.
    """

    def __init__(self, name_of: Callable[[str], str]) -> None:
        self._name_of = name_of
        self._columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
        self._place: dict[str, int] = {}
        self._lock = threading.Lock()
        self.withdrawn: set[str] = set()
        """Ballots whose votes do not count any more."""

    def __len__(self) -> int:
        return len(self._place)

    def add(self, ballot: Ballot) -> dict[str, Any]:
        """Take in a ballot that was used to vote; gives back its row."""
        row = vote_row(ballot, self._name_of)
        with self._lock:
            if ballot.id not in self._place:
                self._place[ballot.id] = len(self._place)
                for name, column in self._columns.items():
                    column.append(row[name])
        return row

    def on(self, day: str) -> int:
        """How many votes were cast on a day (UTC, ISO 8601) that is not over, or was the last one with votes."""
        with self._lock:
            return sum(1 for _ in takewhile(lambda at: at.startswith(day), reversed(self._columns["tstamp"])))

    def columns(self) -> dict[str, list[Any]]:
        """The columns of all votes that count now, each a list of its own."""
        with self._lock:
            count = len(self._place)
            if not self.withdrawn:
                return {name: column[:count] for name, column in self._columns.items()}
            kept = [place for ballot, place in self._place.items() if ballot not in self.withdrawn]
            return {name: [column[k] for k in kept] for name, column in self._columns.items()}


COLUMNS = (
    "battle_id", "model_a", "model_b", "winner", "grade", "rater", "question_id", "order", "language", "category",
    "tstamp", "evaluator", "evaluator_kind", "policy", "seed", "p_pair", "task", "seconds", "early", "turns", "masked",
    "usd", "probe", "asked", *(f"feature_{name}_{side}" for name in STYLE for side in "ab"),
)  # fmt: skip


def vote_row(ballot: Ballot, name_of: Callable[[str], str]) -> dict[str, Any]:
    """A used ballot as a row of `COLUMNS`."""
    outcome, pairing = ballot.outcome, ballot.pairing
    assert outcome is not None
    graded = outcome.status == "graded" and outcome.grade is not None
    grade = outcome.grade or 0
    row = {
        "battle_id": ballot.id,
        "model_a": name_of(pairing.a),
        "model_b": name_of(pairing.b),
        "winner": _WINNER[(grade > 0) - (grade < 0)] if graded else outcome.status,
        "grade": grade if graded else None,
        "rater": ballot.rater,
        "question_id": ballot.question or prompt_key(ballot.said.prompts),
        "order": pairing.order,
        "language": ballot.language,
        "category": ballot.category,
        "tstamp": outcome.at,
        "evaluator": "human",
        "evaluator_kind": "human",
        "policy": pairing.policy,
        "seed": pairing.seed,
        "p_pair": pairing.p_pair,
        "task": ballot.task or "",
        "seconds": outcome.ms / 1000,
        "early": outcome.early,
        "turns": len(ballot.said.prompts),
        "masked": sum(outcome.masked.values()),
        "usd": outcome.usd,
        "probe": probe_result(ballot),
        "asked": ballot.said.prompts[0][:_COMPARED] if ballot.said.prompts else ballot.question,
    }
    for name in STYLE:
        row |= {f"feature_{name}_{side}": outcome.style.get(side, {}).get(name, 0) for side in "ab"}
    return row


def prompt_key(turns: Sequence[str]) -> str:
    """Names what was asked first, whatever its case and spacing: the same question twice is one cluster."""
    first = " ".join(turns[0].casefold().split()) if turns else ""
    return "typed:" + digest(first)[7:23]


def used_ballots(connection: Connection, *, states: Iterable[str] = ("voted", "skipped")) -> list[Ballot]:
    """Every ballot that was used, in the order of the log."""
    query = select(ballots).where(ballots.c.state.in_(tuple(states)), ballots.c.seq.is_not(None))
    return [as_ballot(row) for row in connection.execute(query.order_by(ballots.c.seq))]
