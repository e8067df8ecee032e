"""Opening a lab's database: connections, their settings, and the version of its tables. Read `connect` first.

SQLite in WAL mode with ``synchronous=FULL``: what is committed survives a kill and a power cut. Alembic is loaded only
when tables must be made or moved to a newer version, because start-up time is a feature.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, create_engine, event, inspect
from sqlalchemy.engine import Connection
from sqlalchemy.pool import QueuePool

from fairtrial.core import BadInput, IntegrityError
from fairtrial.store._errors import translated
from fairtrial.store.tables import SCHEMA

_BUSY_MS = 5000


def create(path: Path) -> None:
    """Make the tables in a new or still empty database; a finished one is left alone.

    Raises:
        BadInput: The directory is missing or may not be written.
        IntegrityError: The file is something else, or comes from a newer version.
    """
    with translated(path):
        path.touch()
        with _connection(path, writing=False) as connection:
            empty = not inspect(connection).get_table_names()
        if empty:
            _migrate(path)
    check_version(path, may_migrate=True)


def connect(path: Path, *, writing: bool) -> Engine:
    """An engine for the existing database at `path`; without `writing` its connections refuse every change."""
    engine = create_engine("sqlite://", creator=lambda: _raw_connection(path, writing), poolclass=QueuePool)
    begin = "BEGIN IMMEDIATE" if writing else "BEGIN"

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _raw_connection(path: Path, writing: bool) -> sqlite3.Connection:
    mode = "mode=rw" if writing else _reading_mode(path)
    raw = sqlite3.connect(
        f"{path.absolute().as_uri()}?{mode}",
        uri=True,
        isolation_level=None,  # transactions begin where we say so, not where sqlite3 guesses
        check_same_thread=False,  # the pool hands a connection to one thread at a time
        timeout=_BUSY_MS / 1000,
        cached_statements=256,  # the writer's inserts come in some ninety sizes
    )
    if writing:
        raw.execute("PRAGMA journal_mode=WAL")
        raw.execute("PRAGMA synchronous=FULL")
        raw.execute("PRAGMA foreign_keys=ON")
    else:
        raw.execute("PRAGMA query_only=ON")
    return raw


def _reading_mode(path: Path) -> str:
    # A WAL database needs side files even for reading. On a read-only medium they cannot be made; without a log left
    # over the main file is complete, and nobody can change it while we look.
    if os.access(path.parent, os.W_OK) or path.with_name(path.name + "-wal").exists():
        return "mode=rw"
    return "mode=ro&immutable=1"


def check_version(path: Path, *, may_migrate: bool) -> None:
    """Make sure that the tables are those this version knows, moving older ones forward if `may_migrate`.

    Raises:
        BadInput: There is no database, or it is older and was opened for reading only.
        IntegrityError: It is not a lab's database, is damaged, or comes from a newer version.
    """
    if not path.is_file():
        raise BadInput("there is no lab database here.", where=str(path), next_step="Make one with: fairtrial init")
    with translated(path):
        with _connection(path, writing=False) as connection:
            found = _version(connection, path)
        if found > SCHEMA:
            raise IntegrityError(
                f"this database has version {found}; this Fairtrial knows versions up to {SCHEMA}.",
                where=str(path),
                next_step="Try: pip install --upgrade fairtrial",
            )
        if found < SCHEMA and not may_migrate:
            raise BadInput(
                f"this database has the older version {found} and must be moved to {SCHEMA} first.",
                where=str(path),
                next_step="Open it once where it may be written: any command that runs a trial does it.",
            )
        if found < SCHEMA:
            _migrate(path)


def check_writable(path: Path) -> None:
    """Find out before the first write whether there can be one.

    Raises:
        BadInput: The database or its directory may not be written.
    """
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        raise BadInput(
            "the database may not be written here.",
            where=str(path),
            next_step="Check the owner and permissions of the file and its directory.",
        )


@contextmanager
def _connection(path: Path, *, writing: bool) -> Iterator[Connection]:
    """One connection in one transaction, and nothing left open after it."""
    engine = connect(path, writing=writing)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def _version(connection: Connection, path: Path) -> str:
    if not inspect(connection).has_table("alembic_version"):
        raise IntegrityError(
            "this file is not a lab's database.", where=str(path), next_step="Make a new lab with: fairtrial init"
        )
    return str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() or "")


def _migrate(path: Path) -> None:
    from alembic import command
    from alembic.config import Config

    check_writable(path)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    with _connection(path, writing=True) as connection:  # all of it or nothing
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
