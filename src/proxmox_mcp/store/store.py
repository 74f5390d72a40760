"""The one store of all durable state: approvals, grants, changes, plans, callers, secrets, freezes, the console's own.

    with store.transaction() as db:
        waiting = db.tables.approvals
        number = db.insert(waiting, caller="ops", ...)

SQLite in the state directory, or PostgreSQL where several replicas share it. In both one transaction writes at a time,
among all threads, processes and replicas: what a block has read is still true when it writes.

SQLAlchemy takes 0.2 s of CPU to import, and a server that only lists its tools needs no state: the modules that import
it (``databases``, ``migrations``, ``tables``) are imported when the store is first used.
"""

from __future__ import annotations

import logging
import threading
import weakref
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar
from urllib.parse import urlsplit

import anyio
import anyio.to_thread

from proxmox_mcp.errors import SettingsError, StoreError
from proxmox_mcp.installation import install_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from sqlalchemy import Connection, CursorResult, Engine, Executable, Table

    from proxmox_mcp.store.databases import Database
    from proxmox_mcp.store.tables import Tables

P = ParamSpec("P")
T = TypeVar("T")

FILE = "state.sqlite"
_THREADS = 8
_LOG = logging.getLogger("proxmox_mcp.store")


class Transaction:
    """One transaction: executes SQLAlchemy Core statements that are built from ``tables``."""

    def __init__(self, connection: Connection, tables: Tables) -> None:
        self._connection, self.tables = connection, tables

    def execute(self, statement: Executable) -> CursorResult[Any]:
        return self._connection.execute(statement)

    def execute_each(self, statement: Executable, values: Sequence[Mapping[str, Any]]) -> None:
        """One statement for each of many sets of values (all with the same names), in far less time than each alone."""
        if values:
            self._connection.execute(statement, values)

    def rows(self, statement: Executable) -> list[dict[str, Any]]:
        """All rows of a SELECT or RETURNING, by the names of their columns."""
        return [{str(name): value for name, value in row.items()} for row in self.execute(statement).mappings()]

    def row(self, statement: Executable) -> dict[str, Any] | None:
        """The one row, or None. SQLAlchemy's ``MultipleResultsFound`` for several is a fault of the statement."""
        found = self.execute(statement).mappings().one_or_none()
        return None if found is None else {str(name): value for name, value in found.items()}

    def insert(self, table: Table, **values: Any) -> int:
        """Add a row to a table with numbers, and give its number. A number is never given twice."""
        return int(self.execute(table.insert().values(**values).returning(table.c.number)).scalar_one())


class Store:
    """Opened, made and migrated at its first use. Safe for threads. Every method raises ``StoreError`` if it fails."""

    def __init__(self, database: Callable[[], Database], earlier: tuple[Path, ...] = ()) -> None:
        """``database`` is called at the first use. ``earlier``: directories whose state is taken over by a new store,
        from before there was one."""
        self._find_database, self._earlier = database, earlier
        self._opened: tuple[Database, Engine] | None = None
        self._dispose: weakref.finalize[..., Store] | None = None
        """Closes all connections: with ``close``, else when this store is no longer used, or the program ends."""
        self._opening = threading.Lock()
        self._threads = anyio.CapacityLimiter(_THREADS)
        self.fault = ""
        """Why it can't be used, as the last use found it; empty while it can."""

    @classmethod
    def in_directory(cls, directory: Path, *, earlier: tuple[Path, ...] = ()) -> Store:
        """A file of mode 0600 in a directory that is made with mode 0700."""

        def database() -> Database:
            from proxmox_mcp.store.databases import SqliteFile

            return SqliteFile(directory / FILE)

        return cls(database, earlier)

    @classmethod
    def at_url(cls, url: str, *, earlier: tuple[Path, ...] = ()) -> Store:
        """A PostgreSQL database. Raises ``SettingsError`` for another URL, or if the client is not installed."""
        scheme, _, rest = url.partition("://")
        if scheme not in ("postgresql", "postgres", "postgresql+psycopg") or not _is_url(url):
            raise SettingsError(
                "MCP_DATABASE_URL is not the URL of a PostgreSQL database.",
                "Write it as postgresql://user:password@host:5432/database.",
            )
        if find_spec("psycopg") is None:
            raise SettingsError(
                "MCP_DATABASE_URL needs the client for PostgreSQL, which is not installed.",
                f"Install it with:\n  {install_command('postgres')}",
            )

        def database() -> Database:
            from proxmox_mcp.store.databases import Postgres

            return Postgres(f"postgresql+psycopg://{rest}")

        return cls(database, earlier)

    @contextmanager
    def transaction(self, *, erasing: bool = False) -> Iterator[Transaction]:
        """A transaction that may write, alone among all: committed at the end, rolled back on any exception.

        It is on the disk when the block has ended. Keep the block short: all others wait, at most 5 s each.
        ``erasing``: what the block deletes is a secret, and is removed from the files too, not only from the tables.
        """
        with self._connected() as (database, connection):
            database.begin_writing(connection)
            yield self._within(connection)
            connection.commit()
            if erasing:
                database.erase(connection)

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """A transaction that only reads: one moment of the state. It waits for no other, and none for it."""
        with self._connected() as (database, connection):
            database.begin_reading(connection)
            yield self._within(connection)

    async def in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do work that uses the store in one of its threads, so that the event loop goes on."""
        return await anyio.to_thread.run_sync(partial(work, *args, **kwargs), limiter=self._threads)

    def close(self) -> None:
        """Close all connections; the next use opens new ones."""
        with self._opening:
            self._disconnect()

    @contextmanager
    def _connected(self) -> Iterator[tuple[Database, Connection]]:
        database, engine = self._open()
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with engine.connect() as connection:
                yield database, connection
        except SQLAlchemyError as error:
            raise self._unusable(database, error) from error
        if self.fault:
            _LOG.info("%s can be used again", database.name)
            self.fault = ""

    def _within(self, connection: Connection) -> Transaction:
        from proxmox_mcp.store.tables import TABLES

        return Transaction(connection, TABLES)

    def _open(self) -> tuple[Database, Engine]:
        with self._opening:
            if self._opened is not None:
                database = self._opened[0]
                if database.is_current():
                    return self._opened
                _LOG.warning("%s was replaced while it was in use: it is opened again", database.name)
                self._disconnect()
            self._opened = self._made_ready()
            self._dispose = weakref.finalize(self, self._opened[1].dispose)
            return self._opened

    def _disconnect(self) -> None:
        if self._dispose is not None:
            self._dispose()
        self._opened = self._dispose = None

    def _made_ready(self) -> tuple[Database, Engine]:
        """The database connected, with its tables of this version."""
        from sqlalchemy.exc import SQLAlchemyError

        from proxmox_mcp.store.migrations import migrate

        database = self._find_database()
        try:
            engine = database.open()
            try:
                with engine.connect() as connection:
                    database.begin_writing(connection)
                    database.check(connection)
                    earlier = migrate(connection, database.name, self._earlier)
                    connection.commit()
            except BaseException:
                engine.dispose()
                raise
        except (OSError, ImportError, SQLAlchemyError) as error:
            raise self._unusable(database, error) from error
        for path in earlier:
            path.unlink(missing_ok=True)
        return database, engine

    def _unusable(self, database: Database, error: Exception) -> StoreError:
        """The error as callers are told it. The log says more, once until it works again; a note of the error does
        too, for a person at the command line."""
        said, detail = f"{database.name} can't be used: {database.reason(error)}", database.detail(error)
        if not self.fault:
            _LOG.error("%s (%s)", said, detail)
        self.fault = said
        refused = StoreError(said, database.advice)
        refused.add_note(detail)
        return refused


def _is_url(text: str) -> bool:
    try:
        return bool(urlsplit(text).path.strip("/"))
    except ValueError:
        return False
