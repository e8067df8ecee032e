"""Votes taken back after publication: their rows are withheld, and the rest still verifies. Read `settle` first.

What is due follows from the log, so nothing is forgotten by a crash, and doing it again changes nothing.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import select

from fairtrial.arena.releases import files
from fairtrial.arena.releases.evidence import taken_back_since
from fairtrial.arena.releases.rows import LEAVES, VOTES_JSONL, VOTES_PARQUET, line_of, withheld_row
from fairtrial.store import Reader
from fairtrial.store.arena_tables import releases

_NEW = ".new"


def withhold_due(store: Reader, reports: Path) -> int:
    """Withhold the rows of votes that were taken back, in every release that has them; how many rows.

    To be called after a withdrawal or takedown, in a thread; several of them at once cost as much as one.
    """
    with alone(reports):
        return settle(store, reports)


def withhold(directory: Path, rows: Mapping[int, str]) -> int:
    """Take the bodies of rows out of a release: row number, from 0, to the reason. How many rows changed.

    The signature does not cover the files of votes but a digest for each row, so it still holds. Each file is replaced
    by one rename; the Parquet file is the last.
    """
    there = files.withheld_in(directory / VOTES_PARQUET)
    fresh = {place: why for place, why in rows.items() if place not in there}
    if not fresh:
        return 0
    lines, parquet = (directory.parent / f".{directory.name.strip('.')}.{n}" for n in (VOTES_JSONL, VOTES_PARQUET))
    try:
        old, leaves = (directory / VOTES_JSONL).open("rb"), (directory / LEAVES).open("rb")
        with old, leaves, lines.open("wb") as new:
            for place, (line, leaf) in enumerate(zip(old, leaves, strict=True)):
                why = fresh.get(place)
                new.write(line if why is None else line_of(withheld_row(leaf.decode().strip(), why)))
            files.sync(new)
        files.write_parquet(lines, parquet)
        lines.replace(directory / VOTES_JSONL)
        parquet.replace(directory / VOTES_PARQUET)
        _sync(directory)
    finally:
        lines.unlink(missing_ok=True)
        parquet.unlink(missing_ok=True)
    return len(fresh)


def settle(store: Reader, reports: Path) -> int:
    """Finish what was begun, and withhold what is due; only within `alone`. How many rows were withheld."""
    known: dict[str, dict[int, str]] = {}
    with store.reading() as connection:
        for row in connection.execute(select(releases.c.id, releases.c.body)):
            body = json.loads(bytes(row.body))
            back = taken_back_since(connection, body["size"])
            known[row.id] = {place: back[seq] for place, seq in enumerate(body["seqs"]) if seq in back}
    for left in reports.glob(".release-*"):
        if left.name.removeprefix(".").removesuffix(_NEW) not in known:
            shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink()
    count = 0
    for name, due in known.items():
        final, staged = reports / name, reports / f".{name}{_NEW}"
        place = final if final.is_dir() else staged
        if place.is_dir():  # an owner may have moved an old release away
            count += withhold(place, due)
            if place == staged:
                staged.rename(final)
                _sync(reports)
    return count


@contextmanager
def alone(reports: Path) -> Iterator[None]:
    """Hold the lab's releases: one release is made, or withheld from, at a time."""
    descriptor = os.open(reports / ".releases.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
