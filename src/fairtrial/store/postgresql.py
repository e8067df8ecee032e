"""A lab's rows on a PostgreSQL server: how it is reached, and its own ways. Read `PostgreSQL.engine` first.

``synchronous_commit=on``: what is committed survives a power cut of a server that runs with ``fsync=on``. The one
writer holds a lock of its session, so that no second one writes from another machine; a session that was lost in the
middle of a commit is asked about by the transaction's number, so nothing is lost and nothing is done twice.
"""

import getpass
import os
import secrets
import socket
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from sqlalchemy import Engine, Table, create_engine, event, inspect
from sqlalchemy.engine import Connection
from sqlalchemy.pool import QueuePool

from fairtrial.core import BadInput, IntegrityError, Interrupted, nearest
from fairtrial.store._errors import ConnectionLost, translated

_LOCK = (0x66616972, 0x74726961)  # "fair", "tria": the writer's lock, one a database
_OLDEST = 13  # the first with pg_current_xact_id
_CONNECT_SECONDS = 10
_TRIES = 4  # a server that refuses us may have closed before its reason was read; another try reads it
_DEAD_SECONDS = 30  # a server that answers nothing for so long is gone
_OLD_SESSION_SECONDS = 10  # for our own lost session to end
_TLS = ("disable", "prefer", "require", "verify-full")
_QUERY = ("host", "port", "sslmode")


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgreSQL:
    """A database on a PostgreSQL server. Making one of these reaches nothing; see `parse`."""

    host: str
    """A name or address, or the directory of the server's socket."""
    port: int
    database: str
    user: str
    tls: str
    """``sslmode`` as libpq has it: ``disable``, ``prefer``, ``require`` or ``verify-full``."""
    password_env: str
    """The environment variable that holds the password."""

    @classmethod
    def parse(cls, url: str, *, password_env: str = "", where: str = "") -> Self:
        """From ``postgresql://user@host:port/name?sslmode=…`` or, by socket, ``postgresql://user@/name?host=/run/…``.

        Raises:
            BadInput: It is something else, or holds a password.
        """
        shape = 'Write database = "postgresql://user@host/name".'
        try:
            parts = urlsplit(url)
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            port = int(query.get("port") or parts.port or 5432)
        except ValueError:
            raise BadInput("this address of a database cannot be read.", where=where, next_step=shape) from None
        if parts.password is not None or "password" in query:
            raise BadInput(
                "the address of the database holds a password.",
                where=where,
                next_step='Take it out, and name the variable that holds it: database_password_env = "NAME".',
            )
        name = unquote(parts.path.lstrip("/"))
        if parts.scheme not in {"postgresql", "postgres"} or not name or "/" in name:
            raise BadInput("this is no address of a PostgreSQL database.", where=where, next_step=shape)
        for key in query:
            if key not in _QUERY:
                raise BadInput(f"unknown setting '{key}' in it.", where=where, next_step=nearest(key, _QUERY))
        tls = query.get("sslmode", "prefer")
        if tls not in _TLS:
            raise BadInput(f"sslmode '{tls}' is not known.", where=where, next_step=nearest(tls, _TLS))
        return cls(
            host=query.get("host") or parts.hostname or "localhost",
            port=port,
            database=name,
            user=unquote(parts.username or "") or os.environ.get("PGUSER") or getpass.getuser(),
            tls=tls,
            password_env=password_env or "PGPASSWORD",
        )

    def __str__(self) -> str:
        return f"postgresql://{self.user}@{self.host}:{self.port}/{self.database}"

    def engine(self, *, writing: bool) -> Engine:
        """Connections to the database; with `writing` a single one, which holds the writer's lock."""
        name = f"fairtrial {os.getpid()} {socket.gethostname()[:30]} {secrets.token_hex(4)}"
        engine = create_engine(
            "postgresql+pg8000://",
            creator=lambda: self._open(name, writing=writing),
            poolclass=QueuePool,
            pool_size=1 if writing else 5,
            max_overflow=0 if writing else 10,
            pool_pre_ping=not writing,
        )
        # One snapshot a transaction, as SQLite has it; a server that is read-only stays so.
        begin = "BEGIN ISOLATION LEVEL REPEATABLE READ" + ("" if writing else " READ ONLY")

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            connection.exec_driver_sql(begin)

        return engine

    def _open(self, name: str, *, writing: bool) -> Any:
        for _ in range(_TRIES - 1):
            with suppress(ConnectionLost):
                return self._open_once(name, writing=writing)
        return self._open_once(name, writing=writing)

    def _open_once(self, name: str, *, writing: bool) -> Any:
        session = _driver()
        try:
            sock = self._socket()
        except OSError as error:
            raise Interrupted(
                f"the database server cannot be reached ({(error.strerror or str(error)).lower()}).",
                where=str(self),
                next_step="Start it, or correct `database` in lab.toml.",
            ) from error
        with translated(self):
            raw = session(
                self.user,
                host=self.host,  # whose name a certificate must bear
                sock=sock,
                database=self.database,
                password=os.environ.get(self.password_env, ""),
                ssl_context=self._tls(),
                application_name=name,
                startup_params={"client_encoding": "UTF8", "synchronous_commit": "on"},
            )
            raw.autocommit = True  # transactions begin where we say so, not where pg8000 guesses
            # What text cannot hold here comes from foreign error messages; better a mark in its place than no row.
            raw.register_out_adapter(str, lambda text: text.replace("\0", "\N{REPLACEMENT CHARACTER}"))
            if writing:
                try:
                    self._claim(raw, name)
                except BaseException:
                    raw.close()
                    raise
        return raw

    def _socket(self) -> socket.socket:
        if self.host.startswith("/"):
            sock = socket.socket(socket.AF_UNIX)
            try:
                sock.connect(f"{self.host}/.s.PGSQL.{self.port}")
            except BaseException:
                sock.close()
                raise
            return sock
        sock = socket.create_connection((self.host, self.port), timeout=_CONNECT_SECONDS)
        sock.settimeout(None)  # a commit may take its time
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in (
            ("KEEPIDLE", 10),
            ("KEEPINTVL", 5),
            ("KEEPCNT", 4),
            ("USER_TIMEOUT", _DEAD_SECONDS * 1000),
        ):
            if hasattr(socket, f"TCP_{option}"):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, f"TCP_{option}"), value)
        return sock

    def _tls(self) -> Any:
        if self.host.startswith("/") or self.tls == "disable":
            return False
        if self.tls == "verify-full":
            return ssl.create_default_context()
        return True if self.tls == "require" else None

    def _claim(self, raw: Any, name: str) -> None:
        """Take the writer's lock, ending a session of our own that was lost and still holds it."""
        cursor = raw.cursor()
        patience = time.monotonic() + _OLD_SESSION_SECONDS
        while not cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", _LOCK).fetchone()[0]:
            holder = cursor.execute(_HOLDER, _LOCK).fetchone()
            if holder and holder[1] == name and time.monotonic() < patience:
                cursor.execute("SELECT pg_terminate_backend(%s)", (holder[0],))
            elif holder:
                raise BadInput(
                    f"another run is writing to this lab: {_told(holder)}.",
                    where=str(self),
                    next_step="Wait until it ends, or use another lab with --lab DIR.",
                )
            time.sleep(0.02)

    def make(self) -> None:
        """A database on a server is made by whoever runs the server."""

    def check_there(self) -> None:
        """Look whether the database can be reached and can hold a lab.

        Raises:
            Interrupted: The server cannot be reached.
            BadInput: It refuses us, has no such database, is too old, or keeps text in another encoding.
        """
        engine = self.engine(writing=False)
        try:
            with translated(self), engine.connect() as connection:
                version = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one()) // 10_000
                encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
        finally:
            engine.dispose()
        if version < _OLDEST:
            step = f"Use version {_OLDEST} or a later one."
            raise BadInput(f"this is PostgreSQL {version}.", where=str(self), next_step=step)
        if encoding != "UTF8":
            raise BadInput(
                f"this database keeps text as {encoding}.",
                where=str(self),
                next_step=f"Make one with: createdb --template=template0 --encoding=UTF8 {self.database}",
            )

    def check_writable(self) -> None:
        """Raises `BadInput` if the server or its default allows reading alone, or the user may not write here."""
        engine = self.engine(writing=False)
        try:
            with translated(self), engine.connect() as connection:
                standby = connection.exec_driver_sql("SELECT pg_is_in_recovery()").scalar_one()
                closed = connection.exec_driver_sql("SHOW default_transaction_read_only").scalar_one() == "on"
                wanted = "has_table_privilege('jobs', 'INSERT') AND has_table_privilege('jobs', 'UPDATE')"
                allowed = (
                    not inspect(connection).has_table("jobs")
                    or connection.exec_driver_sql(f"SELECT {wanted}").scalar_one()
                )
        finally:
            engine.dispose()
        if standby:
            step = "Name the primary server in lab.toml."
            raise BadInput("this server is a standby and may only be read.", where=str(self), next_step=step)
        if closed:
            step = "Take back what set default_transaction_read_only for this database or user."
            raise BadInput("this database may only be read.", where=str(self), next_step=step)
        if not allowed:
            step = "Let the owner of the tables GRANT it."
            raise BadInput("this user may not write here.", where=str(self), next_step=step)

    def insert(self, connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
        """Insert rows, passing over those whose key is taken: one short statement, a column an array."""
        arrays = tuple(_array(column) for column in zip(*rows, strict=True))
        if arrays:
            connection.exec_driver_sql(_insert_sql(table, connection.dialect), arrays)

    def after_migration(self, connection: Connection) -> None:
        """Sort all text by code points, as SQLite does: the order of evidence must not depend on a server's locale."""
        connection.exec_driver_sql(_SORT_BY_CODE_POINTS)

    def check(self, connection: Connection) -> None:
        """Read every row of every table; the server itself sees to references and, where it has them, checksums."""
        preparer = connection.dialect.identifier_preparer
        for table in inspect(connection).get_table_names():
            name = preparer.quote(table)
            connection.exec_driver_sql(f"SELECT sum(length(t::text)) FROM {name} t")  # noqa: S608 - its own names

    def version(self, connection: Connection) -> str:
        """What the rows lie in, for people."""
        found = str(connection.exec_driver_sql("SHOW server_version").scalar_one()).split()[0]
        careless = connection.exec_driver_sql("SHOW fsync").scalar_one() == "off"
        return f"PostgreSQL {found}" + (" (fsync is off: a power cut loses votes)" if careless else "")

    def transaction(self, connection: Connection) -> str | None:
        """The number of the transaction under way, to ask `committed` if its end is not heard of."""
        return str(connection.exec_driver_sql("SELECT pg_current_xact_id()::text").scalar_one())

    def committed(self, connection: Connection, transaction: str) -> bool:
        """Whether the transaction of a session that has ended was committed."""
        # The new session has the lock, so the old one has ended and its transaction is not in progress any more.
        status = connection.exec_driver_sql("SELECT pg_xact_status(%s::xid8)", (transaction,)).scalar_one()
        if status not in {"committed", "aborted"}:
            raise IntegrityError(f"the server does not know how transaction {transaction} ended.", where=str(self))
        return bool(status == "committed")


_HOLDER = """
SELECT a.pid, a.application_name, to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.classid = %s::bigint AND l.objid = %s::bigint
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""

_SORT_BY_CODE_POINTS = """
DO $$ DECLARE c record; BEGIN
  FOR c IN SELECT table_name, column_name FROM information_schema.columns
    WHERE table_schema = current_schema() AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'
  LOOP EXECUTE format('ALTER TABLE %I ALTER COLUMN %I TYPE text COLLATE "C"', c.table_name, c.column_name); END LOOP;
END $$
"""


def _told(holder: Sequence[Any]) -> str:
    _pid, name, started = holder
    kind, _, rest = (name or "").partition(" ")
    if kind != "fairtrial":
        return "a session whose name this user may not see" if not name else f"'{name}', started {started}"
    process, machine, _ = rest.split(" ", 2)
    return f"process {process} on {machine}, started {started}"


def _driver() -> Any:
    try:
        from fairtrial.store._pg8000 import Session
    except ImportError:
        raise BadInput(
            "PostgreSQL needs a package that is not installed.", next_step="pip install 'fairtrial[postgres]'"
        ) from None
    return Session


@cache
def _insert_sql(table: Table, dialect: Any) -> str:
    quote = dialect.identifier_preparer.quote
    names = ", ".join(quote(column.name) for column in table.columns)
    arrays = ", ".join(f"%s::{column.type.compile(dialect)}[]" for column in table.columns)
    return f"INSERT INTO {quote(table.name)} ({names}) SELECT * FROM unnest({arrays}) ON CONFLICT DO NOTHING"  # noqa: S608


def _array(values: Sequence[Any]) -> str:
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: Any) -> str:
    if isinstance(value, bytes):
        return f'"\\\\x{value.hex()}"'
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return "NULL" if value is None else repr(value)
