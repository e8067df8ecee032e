"""A copy of a lab, taken while it may be in use, and looked through before it is called one. Read `back_up` first."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from fairtrial.core import BadInput
from fairtrial.lab.lab import Lab
from fairtrial.store import Reader, history
from fairtrial.store.sqlite import SQLite


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What a copy holds."""

    path: Path
    entries: int
    """Entries of the log, all walked."""
    link: str
    """The log's newest link, in hexadecimal: the lab's own shows the same, or a later one that follows from it."""
    megabytes: float


def back_up(lab: Lab, destination: Path) -> Copied:
    """Copy a lab to a new directory, which is then a lab itself; its private keys go with it.

    The database is copied as it was at one moment, by SQLite's own online copy, so a server may go on meanwhile. To
    restore, copy the directory back.

    Raises:
        BadInput: The destination is there already, or the lab's rows are on a server, which has its own tools.
        IntegrityError: What was copied is damaged.
    """
    if destination.exists() and any(destination.iterdir()):
        raise BadInput("this is there already.", where=str(destination), next_step="Name a directory that is not.")
    rows = lab.directory.database
    if not isinstance(rows, SQLite):
        raise BadInput(
            "this lab's rows are on a PostgreSQL server.",
            where=str(lab.path),
            next_step="Copy them with pg_dump, and the lab's directory with any tool.",
        )
    destination.mkdir(parents=True, exist_ok=True)
    database = destination / rows.path.name
    with closing(sqlite3.connect(rows.path)) as source, closing(sqlite3.connect(database)) as copy:
        source.backup(copy)
    for name in ("blobs", "reports", "keys"):
        shutil.copytree(lab.path / name, destination / name, ignore=shutil.ignore_patterns(".tmp-*"))
    for file in sorted(lab.path.iterdir()):
        if file.is_file() and not file.name.startswith(rows.path.name) and file.name != "lab.lock":
            shutil.copy2(file, destination / file.name)
    with Reader.open(SQLite(database)) as reader:
        reader.check()
        with reader.reading() as connection:
            head, _ = history.check(connection)
    size = sum(file.stat().st_size for file in destination.rglob("*") if file.is_file())
    return Copied(path=destination, entries=head.size, link=head.link.hex(), megabytes=size / 1e6)
