"""Takes over what was kept beside the cache before there was a store: ``approvals.sqlite`` and ``secrets.sqlite``."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from itertools import product
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from proxmox_mcp.store.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from sqlalchemy import Connection, Table

_FILES = (("approvals.sqlite", "approval", TABLES.approvals), ("secrets.sqlite", "secret", TABLES.secrets))
_LOG = logging.getLogger("proxmox_mcp.store")


def take_over(connection: Connection, directories: Iterable[Path]) -> tuple[Path, ...]:
    """Copy the rows of the earlier files into a new store, with their numbers: models and people have been told them.

    Gives the files that can be deleted once this is committed. One that can't be read is left, and the log names it.
    """
    taken = []
    for directory, (name, table_there, table) in product(dict.fromkeys(directories), _FILES):
        path = directory / name
        if not path.is_file():
            continue
        try:
            rows = list(_rows(path, table_there))
        except sqlite3.Error as error:
            _LOG.warning("%s was not taken over into the store: %s", path, error)
            continue
        if rows:
            connection.execute(table.insert(), rows)
            _continue_numbers(connection, table)
        _LOG.info("%d rows of %s were taken over into the store", len(rows), path)
        taken.append(path)
    return tuple(taken)


def _rows(path: Path, table: str) -> Iterator[dict[str, object]]:
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as earlier:
        earlier.row_factory = sqlite3.Row
        for row in earlier.execute(f"SELECT * FROM {table}"):  # noqa: S608 - one of two names above
            yield dict(row)


def _continue_numbers(connection: Connection, table: Table) -> None:
    """SQLite goes on after the highest number automatically; PostgreSQL counts apart from the rows."""
    if connection.dialect.name == "postgresql":
        sequence = func.pg_get_serial_sequence(table.name, "number")
        connection.execute(select(func.setval(sequence, select(func.max(table.c.number)).scalar_subquery())))
