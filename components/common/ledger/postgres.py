"""The ledger in PostgreSQL: the server profile, one database for any number of hosts."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from components.common.ledger.schema import REFUSED, Dialect, indexes, tables
from components.common.ledger.store import Durability, busy, out_of_order
from components.common.ledger.tables import TABLES

if TYPE_CHECKING:
    from pg8000.native import Connection, PreparedStatement

POSTGRES = Dialect(
    types={"TEXT": 'TEXT COLLATE "C"', "REAL": "DOUBLE PRECISION", "INTEGER": "BIGINT"},
    key="BIGINT",
    binary="BYTEA",
    suffix="",
)
_SYNCHRONOUS = {"disk": "on", "process": "off"}
_LOCKED = "55P03"
_OURS = ("22", "23", "42", "P0")
"""Classes of errors that a statement is to blame for, not the server."""
_PORT = 5432
_FUNCTIONS = """
CREATE OR REPLACE FUNCTION ledger_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'REFUSED'; END $$;
CREATE OR REPLACE FUNCTION ledger_keep_unless_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM erased WHERE seq = OLD.seq) THEN RETURN OLD; END IF;
    RAISE EXCEPTION 'REFUSED';
END $$;
""".replace("REFUSED", REFUSED)


class PostgresStore:
    """One connection, opened anew after it was lost. `patience`: seconds to wait for a writer."""

    near = False

    def __init__(self, url: str, patience: float, durability: Durability) -> None:
        self._url = url
        self._setup = (
            f"SET lock_timeout = {int(patience * 1000)}; "
            f"SET synchronous_commit = {_SYNCHRONOUS[durability]}"
        )
        self._connection: Connection | None = None
        self._prepared: dict[str, tuple[PreparedStatement, tuple[str, ...]]] = {}
        self._in_transaction = False
        with self._errors_told():
            self._prepare()

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[dict[str, Any]]:
        """Rows of a query."""
        with self._errors_told():
            found, _, names = self._run(sql, values)
            return [dict(zip(names, row, strict=True)) for row in found or ()]

    def execute(self, sql: str, values: Sequence[object] = ()) -> int:
        """How many rows a statement changed."""
        with self._errors_told():
            return self._run(sql, values)[1]

    @contextmanager
    def writing(self, wait: bool = True) -> Iterator[None]:
        """A transaction of the only writer; readers are not held up."""
        with self._transaction("BEGIN"):
            lock = "LOCK TABLE segments IN EXCLUSIVE MODE"
            self.execute(lock if wait else f"{lock} NOWAIT")
            yield

    @contextmanager
    def reading(self) -> Iterator[None]:
        """A snapshot."""
        with self._transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"):
            yield

    def forget_removed(self) -> None:
        """Let the server reuse and overwrite what removed rows took up."""
        for table in TABLES:
            self.execute(f"VACUUM {table.name}")

    def tidy(self) -> None:
        """Nothing: the server has processes for it."""

    def close(self) -> None:
        """Give the connection back."""
        connection, self._connection = self._connection, None
        self._prepared, self._in_transaction = {}, False
        if connection is not None:
            with suppress(Exception):  # it is gone, whatever it says
                connection.close()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        self.execute(begin)
        self._in_transaction = True
        try:
            yield
            self.execute("COMMIT")
        except BaseException:  # also Ctrl-C: a lock left behind would stop every other writer
            if self._in_transaction:
                with suppress(Exception):
                    self.execute("ROLLBACK")
            raise
        finally:
            self._in_transaction = False

    def _run(
        self, sql: str, values: Sequence[object]
    ) -> tuple[list[list[Any]] | None, int, tuple[str, ...]]:
        """(rows, how many were changed, names of the columns)."""
        connection = self._opened()
        if not values:
            rows = connection.run(sql)
            return rows, connection.row_count or 0, _names(connection.columns)
        if sql not in self._prepared:
            statement = connection.prepare(_named(sql))
            self._prepared[sql] = statement, ()
        statement, names = self._prepared[sql]
        rows = statement.run(**{f"v{at}": value for at, value in enumerate(values)})
        if not names and statement.columns:
            names = _names(statement.columns)
            self._prepared[sql] = statement, names
        return rows, statement._context.row_count, names

    def _opened(self) -> Connection:
        if self._connection is None:
            if self._in_transaction:
                raise ConnectionError("the connection was lost")
            self._connection = _connect(self._url)
            self._connection.run(self._setup)
        return self._connection

    def _prepare(self) -> None:
        if not self._missing():
            return
        with self._transaction("BEGIN"):
            self.execute("SELECT pg_advisory_xact_lock(hashtext('finloop ledger'))")
            missing = self._missing()  # none, if another process made them and writes by now
            if missing:
                self.execute(_FUNCTIONS)
            for statement in missing:
                self.execute(statement)

    def _missing(self) -> list[str]:
        """Statements that make what the schema does not have yet."""
        found = self.rows(
            "SELECT relname AS name FROM pg_class "
            "WHERE relnamespace = current_schema()::regnamespace "
            "UNION SELECT t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
            "WHERE c.relnamespace = current_schema()::regnamespace"
        )
        present = {row["name"] for row in found}
        wanted = [*tables(POSTGRES), *indexes(), *_triggers()]
        return [statement for name, statement in wanted if name not in present]

    @contextmanager
    def _errors_told(self) -> Iterator[None]:
        """A server that fails is told to people, without its address, which holds a password."""
        from pg8000.exceptions import DatabaseError, InterfaceError

        try:
            yield
        except DatabaseError as error:
            told = error.args[0] if isinstance(error.args[0], dict) else {}
            code = str(told.get("C", ""))
            if code.startswith(_OURS):
                raise
            if not code or code.startswith("57P"):  # the server is going down
                self.close()
            raise busy() if code == _LOCKED else out_of_order(told.get("M", "no reason")) from None
        except (InterfaceError, OSError, struct.error) as error:
            lost = self._in_transaction
            self.close()
            self._in_transaction = lost
            raise out_of_order(f"PostgreSQL does not answer: {type(error).__name__}") from None


def _connect(url: str) -> Connection:
    from pg8000.native import Connection

    parts = urlsplit(url)
    return Connection(
        unquote(parts.username or ""),
        host=parts.hostname or "localhost",
        port=parts.port or _PORT,
        database=unquote(parts.path.lstrip("/")),
        password=unquote(parts.password) if parts.password else None,
        timeout=None,
        application_name="finloop",
    )


def _named(sql: str) -> str:
    """The statement with a name for each `?`; our SQL has none inside its texts."""
    first, *rest = sql.split("?")
    return first + "".join(f":v{at}{part}" for at, part in enumerate(rest))


def _names(columns: Any) -> tuple[str, ...]:
    return tuple(column["name"] for column in columns or ())


def _triggers() -> Iterator[tuple[str, str]]:
    """As in SQLite: nothing is changed, and nothing goes but what an erasure has named."""
    for table in TABLES:
        yield _trigger(table.name, "update", "ledger_keep")
        yield _trigger(table.name, "delete", "ledger_keep_unless_erased")
    yield _trigger("erased", "update", "ledger_keep")
    yield _trigger("erased", "delete", "ledger_keep")
    yield _trigger("segments", "update", "ledger_keep", "WHEN (OLD.sealed_at IS NOT NULL)")
    yield _trigger("segments", "delete", "ledger_keep")


def _trigger(table: str, verb: str, function: str, when: str = "") -> tuple[str, str]:
    name = f"{table}_no_{verb}"
    return name, (
        f"CREATE OR REPLACE TRIGGER {name} BEFORE {verb} ON {table} "
        f"FOR EACH ROW {when} EXECUTE FUNCTION {function}()"
    )
