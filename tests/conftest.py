"""Where a lab's rows may be: an SQLite file, or a database on the server that FAIRTRIAL_TEST_POSTGRES names."""

import itertools
import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples on every machine: what `make test` says of a change depends on the change alone. New examples are
# looked for with `pytest --hypothesis-profile default`.
settings.register_profile("steady", derandomize=True)
settings.load_profile("steady")


class Server:
    """A PostgreSQL server on which we may do everything: databases are made and dropped, sessions are ended."""

    def __init__(self, url: str) -> None:
        from fairtrial.store.postgresql import PostgreSQL

        self.admin = PostgreSQL.parse(url)
        self._engine = self.admin.engine(writing=False)
        self._names = (f"fairtrial_{os.getpid()}_{n}" for n in itertools.count())
        self._made: list[str] = []
        self._template: str | None = None

    def sql(self, statement: str) -> list:
        with closing(self._engine.raw_connection()) as raw:
            cursor = raw.cursor()
            cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []

    def empty(self, options: str = "TEMPLATE template0"):
        """A new database without tables."""
        name = next(self._names)
        self.sql(f"CREATE DATABASE {name} {options}")
        self._made.append(name)
        return replace(self.admin, database=name)

    def fresh(self):
        """A new database with a lab's tables."""
        from fairtrial.store import database

        if self._template is None:
            made = self.empty()
            database.create(made)
            self._template = made.database
        return self.empty(f"TEMPLATE {self._template}")

    def drop(self, place) -> None:
        self.sql(f"DROP DATABASE IF EXISTS {place.database} WITH (FORCE)")
        self._made.remove(place.database)

    def close(self) -> None:
        for name in self._made:
            self.sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self._engine.dispose()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    url = os.environ.get("FAIRTRIAL_TEST_POSTGRES")
    if not url:
        pytest.skip("set FAIRTRIAL_TEST_POSTGRES to a server where databases may be made, as .ci/run does")
    server = Server(url)
    yield server
    server.close()


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path):
    """Where a store's rows may be, on either kind of database."""
    if request.param == "sqlite":
        yield tmp_path / "lab.db"
        return
    server = request.getfixturevalue("postgres")
    made = server.fresh()
    yield made
    server.drop(made)
