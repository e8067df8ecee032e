"""A lab's directory: what lies where, how it is made, and who may write in it. Read `LabDirectory` first.

lab.toml   settings        lab.db    calls, ledger, evidence    blobs/     larger content, by its digest
keys/      signing keys    reports/  one directory a report     lab.lock   who is writing

A lab whose ``lab.toml`` names a PostgreSQL database has its rows there and no ``lab.db``.
"""

import fcntl
import json
import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fairtrial.core import BadInput, IntegrityError, nearest
from fairtrial.store._errors import translated
from fairtrial.store._files import write_whole
from fairtrial.store.blobs import Blobs
from fairtrial.store.database import Place
from fairtrial.store.postgresql import PostgreSQL
from fairtrial.store.sqlite import SQLite

_SETTINGS = """\
# A Fairtrial lab. Everything it knows lies beside this file; copy the directory and you have copied the lab.
format = 1

# A name for the lab, printed in its reports.
# name = "My lab"

# Where its rows are, if not in lab.db: a PostgreSQL database, and the environment variable that holds the password.
# database = "postgresql://fairtrial@localhost/fairtrial"
# database_password_env = "FAIRTRIAL_DATABASE_PASSWORD"
"""

_KNOWN = {"format": int, "name": str, "database": str, "database_password_env": str, "arena": dict, "contestant": list}

_IGNORED = """\
# Private keys never leave the lab; the lock is of this machine only.
keys/
lab.lock
"""


@dataclass(frozen=True, slots=True)
class LabDirectory:
    """The places in a lab's directory. Making one touches nothing; see `create` and `check`."""

    path: Path

    @property
    def settings(self) -> Path:
        """``lab.toml``: its presence makes a directory a lab."""
        return self.path / "lab.toml"

    @property
    def database(self) -> Place:
        """Where the rows are: ``lab.db``, or the database that ``lab.toml`` names; see `Store`.

        Raises:
            BadInput: ``lab.toml`` cannot be read, has an unknown key, or names no database that we know.
        """
        settings = self._read_settings()
        url = settings.get("database")
        if url is None:
            return SQLite(self.path / "lab.db")
        return PostgreSQL.parse(
            url, password_env=settings.get("database_password_env", ""), where=f"{self.settings}: database"
        )

    def _read_settings(self) -> dict[str, Any]:
        if not self.exists():
            return {}
        try:
            with translated(self.settings):
                found = tomllib.loads(self.settings.read_text(encoding="utf-8-sig"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadInput(f"is not valid TOML: {error}.", where=str(self.settings)) from None
        for key, value in found.items():
            if key not in _KNOWN:
                raise BadInput(f"unknown key '{key}'.", where=str(self.settings), next_step=nearest(key, _KNOWN))
            if type(value) is not _KNOWN[key]:
                kind = {int: "a whole number", str: "a text", dict: "a table", list: "a list of tables"}[_KNOWN[key]]
                raise BadInput(f"'{key}' must be {kind}.", where=str(self.settings))
        if found.get("format", 1) != 1:
            raise BadInput(
                f"this lab has format {found['format']}; this Fairtrial knows format 1.",
                where=str(self.settings),
                next_step="Try: pip install --upgrade fairtrial",
            )
        return found

    @property
    def keys(self) -> Path:
        """``keys/``: readable by its owner only."""
        return self.path / "keys"

    @property
    def reports(self) -> Path:
        """``reports/``: one directory a report."""
        return self.path / "reports"

    @property
    def blobs(self) -> Blobs:
        """``blobs/``: larger content."""
        return Blobs(self.path / "blobs")

    def exists(self) -> bool:
        """Whether there is a lab here."""
        return self.settings.is_file()

    def create(self) -> None:
        """Make a lab here, or complete one that is there; what a lab already has is left alone.

        Raises:
            BadInput: The directory holds something that is no lab, or may not be written.
            IntegrityError: The database is damaged or from a newer version.
            Interrupted: Its server cannot be reached.
        """
        from fairtrial.store.store import Store

        with translated(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            if not self.exists() and any(entry.name not in _OWN for entry in self.path.iterdir()):
                raise BadInput(
                    "this directory is not empty and is no lab.",
                    where=str(self.path),
                    next_step="Choose another directory: fairtrial init DIR",
                )
            (self.path / "blobs").mkdir(exist_ok=True)
            self.reports.mkdir(exist_ok=True)
            self.keys.mkdir(mode=0o700, exist_ok=True)
            if not (self.path / ".gitignore").exists():
                write_whole(self.path / ".gitignore", _IGNORED.encode())
            Store.create(self.database).close()
            if not self.exists():
                write_whole(self.settings, _SETTINGS.encode())  # last: from here on it is a lab

    def check(self) -> None:
        """Look whether this is a whole lab.

        Raises:
            BadInput: There is no lab here.
            IntegrityError: Parts of it are missing.
        """
        if not self.exists():
            step = f"Make one with: fairtrial init {self.path}"
            raise BadInput("there is no lab here.", where=str(self.path), next_step=step)
        database = self.database
        places = [self.path / "blobs", self.keys, self.reports]
        if isinstance(database, SQLite):
            places.insert(0, database.path)
        missing = [place.name for place in places if not place.exists()]
        if missing:
            raise IntegrityError(
                f"parts of this lab are missing: {', '.join(missing)}.",
                where=str(self.path),
                next_step="Restore them from a copy, or make them anew with: fairtrial init",
            )

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the lab for writing; reading needs no lock. A lock whose holder died is free again.

        Raises:
            BadInput: Another process holds it; its process id and start time are named.
        """
        path = self.path / "lab.lock"
        with translated(path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            with translated(path):
                _claim(descriptor, path)
            yield
        finally:
            os.close(descriptor)  # gives the lock back


_OWN = {".gitignore", "blobs", "keys", "reports", "lab.db", "lab.db-wal", "lab.db-shm", "lab.lock"}
"""What `create` makes before ``lab.toml``: left by an interrupted one, it is no stranger's."""


def _claim(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BadInput(
            f"another run is writing to this lab: {_holder(descriptor)}.",
            where=str(path.parent),
            next_step="Wait until it ends, or use another lab with --lab DIR.",
        ) from None
    started = datetime.now(UTC).isoformat(timespec="seconds")
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "started": started}).encode(), 0)


def _holder(descriptor: int) -> str:
    try:
        holder = json.loads(os.pread(descriptor, 1000, 0))
        return f"process {holder['pid']}, started {holder['started']}"
    except (ValueError, KeyError, TypeError):
        return "a process that has just started"
