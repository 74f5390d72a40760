"""The two databases that a store may lie in: how each is opened, and how a transaction begins there."""

# Tested through tests/store/test_store.py.

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import create_engine, event
from sqlalchemy.exc import DBAPIError, OperationalError

from proxmox_mcp.errors import StoreError
from proxmox_mcp.private_files import make_private_directory, make_private_file

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection, Engine

BUSY_SECONDS = 5.0
"""How long a transaction waits for the one that writes."""
_CONNECT_SECONDS = 3
_CONNECTIONS = 8
_PAUSE = 0.02
_LOCK = int.from_bytes(b"prox-mcp")
"""PostgreSQL's advisory lock of the transaction that writes: one number for all replicas."""
_NO_CONNECTION = ("08", "28", "3D", "57P")
"""Classes of PostgreSQL's error codes: connection, authorization, unknown database, the server ends or starts."""


class Database(Protocol):
    """One of the two. ``name`` and ``advice`` are for errors."""

    name: str
    advice: str

    def open(self) -> Engine:
        """Make what is missing. Raises ``OSError`` or ``SQLAlchemyError``."""
        ...

    def check(self, connection: Connection) -> None:
        """Raises ``StoreError`` for a database that could not hold the state as it is."""
        ...

    def begin_writing(self, connection: Connection) -> None:
        """Begin a transaction that nobody else's can overlap."""
        ...

    def begin_reading(self, connection: Connection) -> None:
        """Begin a transaction that sees one moment, and can't write."""
        ...

    def is_current(self) -> bool:
        """False once another database is in its place: what others write there would not be seen here."""
        ...

    def erase(self, connection: Connection) -> None:
        """Remove what was deleted from the files too, as far as this database can."""
        ...

    def reason(self, error: Exception) -> str:
        """Why it can't be used, for callers: without values, passwords and addresses."""
        ...

    def detail(self, error: Exception) -> str:
        """What the operator is told beside it, in the log and on the command line: without passwords."""
        ...


class SqliteFile:
    """A file of mode 0600. ``-wal`` and ``-shm`` beside it take its mode (SQLite's ``findCreateFileMode``)."""

    advice = "See that the state directory exists, has room and belongs to the user that runs the server."

    def __init__(self, path: Path) -> None:
        self._path, self.name = path, f"the state file {path.name}"
        self._opened: tuple[int, int] = (0, 0)

    def open(self) -> Engine:
        make_private_directory(self._path.parent)
        make_private_file(self._path)
        self._opened = self._identity()
        engine = create_engine(
            f"sqlite+pysqlite:///{self._path}",
            # The driver would begin its transactions late and without IMMEDIATE: they are begun here.
            connect_args={"timeout": BUSY_SECONDS, "isolation_level": None},
            pool_size=_CONNECTIONS,
            max_overflow=0,
            pool_timeout=BUSY_SECONDS,
            hide_parameters=True,
        )
        event.listen(engine, "connect", self._prepare)
        return engine

    def check(self, connection: Connection) -> None:
        """The file was made here, or its tables tell its version."""

    def begin_writing(self, connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA query_only = OFF")
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    def begin_reading(self, connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA query_only = ON")
        connection.exec_driver_sql("BEGIN")

    def is_current(self) -> bool:
        try:
            return self._identity() == self._opened
        except OSError:
            return False

    def erase(self, connection: Connection) -> None:
        """Deleted rows are overwritten (``secure_delete``); the log of writes still has them until it is emptied."""
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def reason(self, error: Exception) -> str:
        if isinstance(error, OSError):
            return error.strerror or type(error).__name__
        return str(error.orig) if isinstance(error, DBAPIError) else type(error).__name__

    def detail(self, error: Exception) -> str:  # noqa: ARG002
        return str(self._path)

    def _identity(self) -> tuple[int, int]:
        found = self._path.stat()
        return found.st_dev, found.st_ino

    def _prepare(self, driver: Any, _: object) -> None:
        _use_write_ahead_log(driver)
        # On the disk when a transaction has ended, also if the power fails: FULL is more than WAL's own NORMAL.
        # 256 KiB of pages for each connection, not 2 MB: the system keeps the file in its own cache.
        for pragma in ("synchronous = FULL", "secure_delete = ON", "foreign_keys = ON", "cache_size = -256"):
            driver.execute(f"PRAGMA {pragma}")


def _use_write_ahead_log(driver: sqlite3.Connection) -> None:
    """Let readers go on while somebody writes. A file that several processes open for the first time is locked
    without SQLite's own waiting (``sqlite3PagerOpenWal``), so this waits."""
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            driver.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(_PAUSE)
        else:
            return


class Postgres:
    """A database of PostgreSQL that replicas share. Works through a pooler: nothing is set beyond a transaction."""

    name = "the state database (MCP_DATABASE_URL)"
    advice = "See that PostgreSQL runs and MCP_DATABASE_URL is right: the server's log says more."

    def __init__(self, url: str) -> None:
        self._url = url

    def open(self) -> Engine:
        return create_engine(
            self._url,
            connect_args={
                "connect_timeout": _CONNECT_SECONDS,
                "client_encoding": "utf8",
                # A machine that has vanished is noticed: libpq would wait for hours.
                "keepalives_idle": 5,
                "keepalives_interval": 2,
                "keepalives_count": 3,
                "tcp_user_timeout": 10_000,
                "prepare_threshold": None,
            },
            pool_size=_CONNECTIONS,
            max_overflow=0,
            pool_timeout=BUSY_SECONDS,
            pool_pre_ping=True,
            hide_parameters=True,
        )

    def check(self, connection: Connection) -> None:
        """A database of another encoding would refuse names of guests, in the middle of a call."""
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
        if encoding != "UTF8":
            raise StoreError(
                f"{self.name} has the encoding {encoding}",
                "Make one with: createdb --encoding UTF8 --template template0 proxmox_mcp",
            )

    def begin_writing(self, connection: Connection) -> None:
        self._begin(connection, f"SELECT pg_advisory_xact_lock({_LOCK})")

    def begin_reading(self, connection: Connection) -> None:
        self._begin(connection, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")

    def is_current(self) -> bool:
        return True

    def erase(self, connection: Connection) -> None:
        """PostgreSQL overwrites deleted rows when it vacuums."""

    def reason(self, error: Exception) -> str:
        original = error.orig if isinstance(error, DBAPIError) else error
        kind, state = type(original).__name__, getattr(original, "sqlstate", None)
        if isinstance(error, OperationalError) and (state is None or state.startswith(_NO_CONNECTION)):
            return f"no connection ({kind})"
        return f"another transaction holds it ({kind})" if kind == "LockNotAvailable" else kind

    def detail(self, error: Exception) -> str:
        return str(error).partition("\n")[0]

    @staticmethod
    def _begin(connection: Connection, statement: str) -> None:
        """``SET LOCAL`` ends with the transaction; a client that stalls within one loses it, and with it the lock."""
        wait = int(BUSY_SECONDS * 1000)
        connection.exec_driver_sql(
            f"SET LOCAL lock_timeout = {wait}; SET LOCAL statement_timeout = {2 * wait}; "
            f"SET LOCAL idle_in_transaction_session_timeout = {2 * wait}; {statement}",
            execution_options={"no_parameters": True},
        )
