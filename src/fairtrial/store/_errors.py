"""One place where what the disk and the database say becomes a plain sentence. Read `translated` first."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from fairtrial.core import BadInput, FairtrialError, IntegrityError, Interrupted

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FREE_SPACE = "Free some space and give the same command again; what was recorded stays."
_AGAIN = "Give the same command again; what was recorded stays."


class ConnectionLost(Interrupted):
    """The server, or the way to it, went away in the middle of something; a later attempt may succeed."""


@contextmanager
def translated(where: object) -> Iterator[None]:
    """Turn errors of a database and of the operating system about `where` into errors people can act on."""
    try:
        yield
    except FairtrialError:
        raise
    except Exception as error:
        if isinstance(error, (DBAPIError, OSError)) or _is_drivers(error):
            raise plain(error, where) from error
        raise


def plain(error: BaseException, where: object) -> FairtrialError:
    """The error to raise for `error`, met while working on `where`: a path, or the place of a database."""
    if isinstance(error, FairtrialError):
        return error
    if isinstance(error, OSError):
        return _from_system(error, where)
    driver = error.orig if isinstance(error, DBAPIError) and error.orig else error
    if _is_drivers(driver) and not isinstance(driver, sqlite3.Error):
        return _from_postgresql(driver, where)
    return _from_sqlite(driver, where)


def _is_drivers(error: BaseException) -> bool:
    return isinstance(error, sqlite3.Error) or type(error).__module__.startswith("pg8000")


def _from_system(error: OSError, path: object) -> FairtrialError:
    where = str(error.filename or path)
    if error.errno in _FULL:
        return Interrupted("the disk is full.", where=where, next_step=_FREE_SPACE)
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return BadInput("may not be written or read.", where=where, next_step="Check its owner and permissions.")
    return BadInput(f"{(error.strerror or str(error)).lower()}.", where=where)


def _from_sqlite(error: BaseException, path: object) -> FairtrialError:
    said = str(error)
    where = str(path)
    # The extended code's low byte is the primary one: SQLITE_IOERR_WRITE and SQLITE_IOERR_SHMSIZE are both IOERR.
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    if code in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:
        return IntegrityError(
            f"this database is damaged or is no database at all ({said}).",
            where=where,
            next_step="Restore it from a copy, or start a new lab with: fairtrial init",
        )
    if code == sqlite3.SQLITE_FULL:
        return Interrupted("the disk is full.", where=where, next_step=_FREE_SPACE)
    if code == sqlite3.SQLITE_IOERR:
        return Interrupted(f"the disk refused a write ({said}); it may be full.", where=where, next_step=_FREE_SPACE)
    if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}:
        return BadInput(
            f"the database may not be opened or written here ({said}).",
            where=where,
            next_step="Check that the directory exists and that you may write to it.",
        )
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return Interrupted("another program holds the database.", where=where, next_step="Close it and try again.")
    return IntegrityError(f"the database refused this: {said}.", where=where)


# By SQLSTATE (PostgreSQL's appendix A): kind of error, what it is, what to do.
_STATES: dict[str, tuple[type[FairtrialError], str, str]] = {
    "28000": (
        BadInput,
        "the server does not let this user in",
        "Check the user in lab.toml and the server's pg_hba.conf.",
    ),
    "28P01": (BadInput, "the server refused the password", "Put it in the variable that database_password_env names."),
    "3D000": (
        BadInput,
        "there is no such database",
        "Make it with: createdb --template=template0 --encoding=UTF8 NAME",
    ),
    "42501": (BadInput, "the database's user may not do this", "Let the owner of the tables GRANT it."),
    "25006": (BadInput, "the database may only be read", "Name one in lab.toml that may be written."),
    "53100": (Interrupted, "the disk of the database server is full", _FREE_SPACE),
    "53200": (Interrupted, "the database server has no memory left", _AGAIN),
    "53300": (Interrupted, "the database server has no connection left", "Close other programs or raise its limit."),
    "55P03": (Interrupted, "another program holds the database", "Close it and try again."),
    "40001": (Interrupted, "another program changed the database meanwhile", _AGAIN),
    "40P01": (Interrupted, "another program changed the database meanwhile", _AGAIN),
    "57P01": (ConnectionLost, "the database server ended the connection", _AGAIN),
    "57P02": (ConnectionLost, "the database server ended the connection", _AGAIN),
    "57P03": (Interrupted, "the database server is starting or stopping", "Try again in a moment."),
    "58030": (Interrupted, "the disk of the database server refused a read or write", _FREE_SPACE),
    "XX001": (IntegrityError, "this database is damaged", "Restore it from a copy."),
    "XX002": (IntegrityError, "this database is damaged", "Restore it from a copy, or try REINDEX."),
}


def _told(error: BaseException | None) -> dict[str, str] | None:
    """What the server said; the driver may hide it behind its own failure to say goodbye to a server that hung up."""
    while error is not None:
        if error.args and isinstance(error.args[0], dict):
            return dict(error.args[0])
        error = error.__cause__ or error.__context__
    return None


def _from_postgresql(error: BaseException, place: object) -> FairtrialError:
    where = str(place)
    told = _told(error)
    if told is None and any(words in str(error) for words in ("network error", "connection is closed")):
        return ConnectionLost("the connection to the database server was lost.", where=where, next_step=_AGAIN)
    if told is None:
        return BadInput(f"the database server cannot be used: {error}.", where=where)
    said = told.get("M", "").rstrip(".")
    state = told.get("C", "")
    if state not in _STATES:
        return IntegrityError(f"the database refused this: {said}.", where=where)
    kind, what, step = _STATES[state]
    return kind(f"{what} ({said}).", where=where, next_step=step)
