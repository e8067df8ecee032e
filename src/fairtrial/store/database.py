"""Opening a lab's database, wherever it lies, and the version of its tables. Read `place` first, then `check_version`.

What SQLite and PostgreSQL do differently is in `sqlite.py` and `postgresql.py`, under the same names. Alembic is loaded
only when tables must be made or moved to a newer version, because start-up time is a feature.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, inspect
from sqlalchemy.engine import Connection

from fairtrial.core import BadInput, IntegrityError
from fairtrial.store._errors import translated
from fairtrial.store.postgresql import PostgreSQL
from fairtrial.store.sqlite import SQLite
from fairtrial.store.tables import SCHEMA

Place = SQLite | PostgreSQL
Where = Path | Place
"""Where rows lie; a path is an SQLite file."""


def place(where: Where) -> Place:
    """The place that is meant."""
    return SQLite(where) if isinstance(where, Path) else where


def create(where: Where) -> None:
    """Make the tables in a new or still empty database; a finished one is left alone.

    Raises:
        BadInput: The directory or, on a server, the database is missing, or it may not be written.
        IntegrityError: It is something else, or comes from a newer version.
        Interrupted: The server cannot be reached.
    """
    at = place(where)
    with translated(at):
        at.make()
        at.check_there()
        with _connection(at, writing=False) as connection:
            empty = not inspect(connection).get_table_names()
        if empty:
            _migrate(at)
    check_version(at, may_migrate=True)


def connect(where: Where, *, writing: bool) -> Engine:
    """An engine for the existing database; without `writing` its connections refuse every change."""
    return place(where).engine(writing=writing)


def check_version(where: Where, *, may_migrate: bool) -> None:
    """Make sure that the tables are those this version knows, moving older ones forward if `may_migrate`.

    Raises:
        BadInput: There is no database, or it is older and was opened for reading only.
        IntegrityError: It is not a lab's database, is damaged, or comes from a newer version.
        Interrupted: The server cannot be reached.
    """
    at = place(where)
    at.check_there()
    with translated(at):
        with _connection(at, writing=False) as connection:
            found = _version(connection, at)
        if found > SCHEMA:
            raise IntegrityError(
                f"this database has version {found}; this Fairtrial knows versions up to {SCHEMA}.",
                where=str(at),
                next_step="Try: pip install --upgrade fairtrial",
            )
        if found < SCHEMA and not may_migrate:
            raise BadInput(
                f"this database has the older version {found} and must be moved to {SCHEMA} first.",
                where=str(at),
                next_step="Open it once where it may be written: any command that runs a trial does it.",
            )
        if found < SCHEMA:
            _migrate(at)


def check_writable(where: Where) -> None:
    """Find out before the first write whether there can be one.

    Raises:
        BadInput: The database may not be written.
    """
    place(where).check_writable()


@contextmanager
def _connection(at: Place, *, writing: bool) -> Iterator[Connection]:
    """One connection in one transaction, and nothing left open after it."""
    engine = connect(at, writing=writing)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def _version(connection: Connection, at: Place) -> str:
    if not inspect(connection).has_table("alembic_version"):
        raise IntegrityError(
            "this is not a lab's database.", where=str(at), next_step="Make a new lab with: fairtrial init"
        )
    return str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() or "")


def _migrate(at: Place) -> None:
    from alembic import command
    from alembic.config import Config

    at.check_writable()
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    with _connection(at, writing=True) as connection:  # all of it or nothing
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        at.after_migration(connection)
