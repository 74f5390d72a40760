"""A small database in the state directory, readable by its owner only, shared by the server and the command line."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from proxmox_mcp.errors import GuardError
from proxmox_mcp.private_files import make_private_directory, make_private_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BUSY_SECONDS = 5


class StateFile:
    """An SQLite file of mode 0600. Each ``transaction`` is atomic, also against other processes."""

    def __init__(self, path: Path, schema: str) -> None:
        self._path, self._schema = path, schema

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A connection within a write transaction: committed at the end, undone on any exception.

        Raises ``GuardError`` where the file can't be used.
        """
        try:
            with closing(self._open()) as connection:
                connection.row_factory = sqlite3.Row
                connection.execute("PRAGMA secure_delete = ON")
                connection.executescript(self._schema)
                with connection:
                    connection.execute("BEGIN IMMEDIATE")
                    yield connection
        except (OSError, sqlite3.Error) as error:
            advice = "See that the state directory exists, has room and belongs to the user that runs the server."
            raise GuardError(f"the state file {self._path.name} can't be used: {error}", advice) from error

    def _open(self) -> sqlite3.Connection:
        make_private_directory(self._path.parent)
        make_private_file(self._path)
        return sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None)
