"""The model store's dealings with the disk: a lock on a name, and failures in plain words. Read `plain_failures`."""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fairtrial.core import BadInput


@contextmanager
def plain_failures(place: Path) -> Iterator[None]:
    """Failures of the disk as one plain sentence."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        why = "the disk is full" if full else (error.strerror or str(error)).lower()
        raise BadInput(
            f"the model store cannot be used: {why}.",
            where=str(error.filename or place),
            next_step="Free some space, or set FAIRTRIAL_MODELS to a folder with room that you may write to.",
        ) from None


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock on this name; a second pull of it waits here. The system drops the lock of a process that dies."""
    with path.open("a+b") as file:
        if sys.platform == "win32":
            import msvcrt

            while True:
                try:
                    msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
                    break
                except OSError:
                    continue
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield
