"""pg8000 with prepared statements. Read `Session` first.

pg8000 has the server parse a statement each time it is used, which takes three exchanges instead of one, and looks for
parameters in it letter by letter. The writer uses some twenty statements, thousands of times a second.
"""

from functools import lru_cache
from typing import Any

import pg8000

_MOST_PREPARED = 200  # statements that a session keeps prepared
_UNIQUE = "23505"  # SQLSTATE of a key that is taken


@lru_cache(maxsize=1000)
def _numbered(statement: str) -> str:
    return str(pg8000.dbapi.convert_paramstyle("format", statement, ())[0])


class Cursor(pg8000.Cursor):  # type: ignore[misc]
    """A cursor that has a statement with parameters prepared once a session."""

    def execute(self, operation: str, args: Any = (), stream: Any = None) -> Any:
        if not args or stream is not None:
            return super().execute(operation, args, stream)
        oids = self._input_oids  # type: ignore[has-type]
        self._input_oids = ()
        try:
            self._context = self._c.execute_prepared(_numbered(operation), args, oids)
        except pg8000.DatabaseError as error:  # in the kinds that pg8000's own cursor makes of it
            told = error.args[0]
            taken = isinstance(told, dict) and told.get("C") == _UNIQUE
            raise (pg8000.IntegrityError if taken else pg8000.ProgrammingError)(told) from error
        self._row_iter = iter(self._context.rows or ())
        return self


class Session(pg8000.Connection):  # type: ignore[misc]
    """A connection that keeps statements prepared, and whose loss is always told in the way SQLAlchemy knows."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._kept: dict[Any, tuple[Any, Any, Any]] = {}
        super().__init__(*args, **kwargs)

    def cursor(self) -> Any:
        return Cursor(self)

    def execute_prepared(self, statement: str, values: Any, oids: Any) -> Any:
        key = (statement, tuple(oids))
        kept = self._kept.get(key)
        if kept is None:
            if len(self._kept) == _MOST_PREPARED:
                oldest = next(iter(self._kept))
                self.close_prepared_statement(self._kept.pop(oldest)[0])
            kept = self._kept[key] = self.prepare_statement(statement, oids)
        name, columns, readers = kept
        return self.execute_named(name, pg8000.core.make_params(self.py_types, values), columns, readers, statement)

    def handle_messages(self, context: Any) -> None:
        try:
            super().handle_messages(context)
        except OSError as error:
            raise pg8000.InterfaceError("network error") from error
