"""A lab's directory: what lies where, how it is made, and who may write in it. Read `LabDirectory` first.

lab.toml   settings        lab.db    calls, ledger, evidence    blobs/     larger content, by its digest
keys/      signing keys    reports/  one directory a report     lab.lock   who is writing
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fairtrial.core import BadInput, IntegrityError
from fairtrial.store._errors import translated
from fairtrial.store._files import write_whole
from fairtrial.store.blobs import Blobs

_SETTINGS = """\
# A Fairtrial lab. Everything it knows lies beside this file; copy the directory and you have copied the lab.
format = 1

# A name for the lab, printed in its reports.
# name = "My lab"
"""

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
    def database(self) -> Path:
        """``lab.db``: see `Store`."""
        return self.path / "lab.db"

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
            IntegrityError: ``lab.db`` is damaged or from a newer version.
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
        places = (self.database, self.path / "blobs", self.keys, self.reports)
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
