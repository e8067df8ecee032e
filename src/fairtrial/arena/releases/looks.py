"""What a look said: a release's boards, once it is certain that they are what this lab signed. Read `read_look` first.

Only reads. The log counts looks, so one that was made and has since been moved away still counts.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy.engine import Connection

from fairtrial.arena.releases.release import Release, read_release
from fairtrial.arena.releases.rows import VOTES_PARQUET
from fairtrial.arena.releases.verification import verify_release
from fairtrial.core import Board, FairtrialError, from_json
from fairtrial.provenance import STATEMENT_NAME, PublicKey, Verdict
from fairtrial.ranking import as_battles
from fairtrial.stats import A_WINS, B_WINS
from fairtrial.store import history

BOARDS = {"weighted": "board.json", "unweighted": "board-unweighted.json", "style": "board-style.json"}
"""What a look shows, and the file that holds it; the first is the headline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A release as a verdict."""

    verdict: Verdict
    release: Release | None
    """None unless the signature is trusted: nothing that is not proven is told."""
    boards: Mapping[str, Board]
    """By the names of `BOARDS`; those that the votes support."""
    refused: Mapping[str, str]
    """Why there is no board of a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the log has a look."""

    number: int
    """From 1 among the looks of its kind (the arena, or one rating task); 0 where the log does not tell of it."""
    count: int
    gone: int
    """Looks of the log that are not here any more. They count: a look cannot be unmade by moving it away."""
    statement: str
    """SHA-256 of the statement that was signed then."""


def read_look(directory: Path, trusted: Collection[PublicKey | str]) -> Look:
    """The boards of a release, if it is what was signed by a key one trusts. Walks every row: call it in a thread.

    Raises:
        BadInput: There is nothing at `directory`, or it may not be read.
    """
    verdict = verify_release(directory, trusted)
    if verdict.word != "TRUSTED":
        return Look(verdict=verdict, release=None, boards={}, refused={})
    release = read_release(directory)
    told = release.manifest["boards"]
    boards, refused = {}, {}
    for name, file in BOARDS.items():
        try:
            if "refused" in told.get(file, {}):
                refused[name] = str(told[file]["refused"])
            elif file in told:
                found = from_json((directory / file).read_bytes(), Board)
                boards[name] = _with_matrix(found, directory, weighted=name != "unweighted")
        except (FairtrialError, OSError) as error:  # signed by a version whose boards this one cannot read
            refused[name] = str(error)
    return Look(verdict=verdict, release=release, boards=boards, refused=refused)


def place(connection: Connection, release: Release, others: Collection[Release]) -> Place:
    """Which look of the lab this is, by the log.

    Args:
        connection: Reading.
        release: The look.
        others: Every release that is here.
    """
    tasks = {one.id: one.manifest["task"] for one in others}
    mine, number, gone, statement = release.manifest["task"], 0, 0, ""
    count = 0
    for entry in history.entries(connection, kinds=("release",)):
        name = entry.body["release"] if entry.body else ""
        if tasks.get(name, mine) != mine:
            continue
        count += 1
        gone += name not in tasks
        if name == release.id and entry.body:
            number, statement = count, str(entry.body["statement"])
    return Place(number=number, count=count, gone=gone, statement=statement)


def statement_digest(release: Release) -> str:
    """SHA-256 of the statement that the release has now."""
    return hashlib.sha256((release.directory / STATEMENT_NAME).read_bytes()).hexdigest()


def _with_matrix(board: Board, directory: Path, *, weighted: bool) -> Board:
    """The board with who beat whom, counted from the rows, which are signed too; the file of a board has no matrix."""
    try:
        votes = as_battles(directory / VOTES_PARQUET, weighted=weighted).decided()
    except FairtrialError:  # every row was withheld since; the board was signed and stays
        return board
    cells = votes.cells()
    wins = cells[:, :, A_WINS] + cells[:, :, B_WINS].T
    at = {name: place for place, name in enumerate(votes.names)}
    names = [row.name for row in board.models]
    if not set(names) <= set(at):  # every vote on one of them was withheld
        return board
    return replace(board, matrix=tuple(tuple(round(float(wins[at[a], at[b]])) for b in names) for a in names))
