"""What a release takes from the lab's rows: votes in the order of the log, names, crowds. Read `gather` first.

Texts are never held here; `cast` gives the ballots again, a page at a time.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from fairtrial.arena import raters
from fairtrial.arena.ballots import Ballot, as_ballot
from fairtrial.arena.votes import COLUMNS, vote_row
from fairtrial.core import Contestant, from_json
from fairtrial.privacy import BANDS, suppress
from fairtrial.store import history
from fairtrial.store.arena_tables import ballots, entrants

PAGE = 500
LEAST_CROWD = 5
"""Fewest raters who share what is told about them."""
_USED = ("voted", "skipped")
_TAKEN_BACK = ("withdrawn", "taken down")
_IMPORTED = "import:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All votes of one scope, without what was said."""

    head: history.Head
    contestants: Mapping[str, Contestant]
    """By id; imported ones are known by name only and are not here."""
    columns: Mapping[str, list[Any]]
    """`votes.COLUMNS`, in the order of the log."""
    seqs: list[int]
    """Each vote's place in the log."""
    sources: Mapping[str, int]
    """Votes by where their prompts came from."""
    taken_back: Mapping[str, int]
    """Votes that were taken back, by how."""

    def name_of(self, contestant: str) -> str:
        """The name that a contestant id, or an imported name, stands for."""
        if contestant.startswith(_IMPORTED):
            return contestant.removeprefix(_IMPORTED)
        return self.contestants[contestant].name


def gather(connection: Connection, task: str | None) -> Evidence:
    """The votes of the arena, or of a rating task."""
    sources: dict[str, int] = {}
    found = {row.id: from_json(bytes(row.body), Contestant) for row in connection.execute(select(entrants))}
    evidence = Evidence(
        head=history.head(connection),
        contestants=found,
        columns={name: [] for name in COLUMNS},
        seqs=[],
        sources=sources,
        taken_back=_taken_back(connection, task),
    )
    same: dict[str, str] = {}  # equal texts are kept once
    for ballot in cast(connection, task):
        assert ballot.seq is not None
        evidence.seqs.append(ballot.seq)
        sources[ballot.source] = sources.get(ballot.source, 0) + 1
        for name, value in vote_row(ballot, evidence.name_of).items():
            evidence.columns[name].append(same.setdefault(value, value) if isinstance(value, str) else value)
    return evidence


def names(connection: Connection) -> Callable[[str], str]:
    """From the id of any contestant that ever was, or an imported name, to its name."""
    known = {row.id: from_json(bytes(row.body), Contestant).name for row in connection.execute(select(entrants))}

    def name_of(contestant: str) -> str:
        imported = contestant.startswith(_IMPORTED)
        return contestant.removeprefix(_IMPORTED) if imported else known[contestant]

    return name_of


def cast(connection: Connection, task: str | None) -> Iterator[Ballot]:
    """Every ballot of the arena, or of a rating task, that was used and was not taken back; in the log's order."""
    query = select(ballots).order_by(ballots.c.seq).limit(PAGE)  # chosen by the one index that gives the order
    last = 0
    while page := connection.execute(query.where(ballots.c.seq > last)).all():
        yield from (as_ballot(row) for row in page if row.task == task and row.state in _USED)
        last = page[-1].seq


def taken_back_since(connection: Connection, size: int) -> dict[int, str]:
    """Votes taken back since the log had this size: their places in the log, and how."""
    found = history.entries(connection, kinds=("withdrawal",), after=size)
    return {e.body["entry"]: e.body["state"] for e in found if e.body is not None and e.body["entry"] is not None}


def crowds(connection: Connection, evidence: Evidence) -> tuple[dict[str, dict[str, str]], dict[str, Any]]:
    """What may be told about raters, by rater id, and what was suppressed: k-anonymity, see `privacy.suppress`.

    A rater's opinion, for the guard against crowds of one opinion, is the contestant that won all their votes; whoever
    voted in several ways has an opinion that nobody shares.
    """
    told = raters.profiles(connection)
    wins: dict[str, set[str]] = {rater: set() for rater in evidence.columns["rater"]}
    votes = zip(*(evidence.columns[name] for name in ("rater", "winner", "model_a", "model_b")), strict=True)
    for rater, winner, a, b in votes:
        wins[rater].add({"model_a": a, "model_b": b}.get(winner, ""))
    if not any(told.get(rater) for rater in wins):
        return {}, {"k": LEAST_CROWD, "told": 0}
    rows = [
        {"rater": rater, "opinion": next(iter(won)) if len(won) == 1 else f"mixed {rater}"}
        | {band: told.get(rater, {}).get(band, "") for band in BANDS}
        for rater, won in wins.items()
    ]
    crowd = suppress(rows, tuple(BANDS), k=LEAST_CROWD, opinion="opinion")
    facts: dict[str, Any] = {"k": LEAST_CROWD, "told": sum(rater in told for rater in wins)}
    facts |= {"smallest": crowd.smallest, "suppressed": crowd.suppressed}
    if crowd.smallest < LEAST_CROWD:
        return {}, facts
    return {row["rater"]: {band: row[band] for band in BANDS} for row in crowd.rows}, facts


def _taken_back(connection: Connection, task: str | None) -> dict[str, int]:
    of = ballots.c.task.is_(None) if task is None else ballots.c.task == task
    used = ballots.c.seq.is_not(None) & ballots.c.state.in_(_TAKEN_BACK)
    query = select(ballots.c.state, func.count()).where(of, used)
    return {row[0]: row[1] for row in connection.execute(query.group_by(ballots.c.state).order_by(ballots.c.state))}
