"""The version of the tables in a store, and the steps from one version to the next.

A new store is made with the tables as they are now, and takes over what was kept beside the cache before there was a
store: ``approvals.sqlite`` and ``secrets.sqlite``. An older one takes the steps after its version, in one transaction
with the check: of several processes that start, one migrates and the others find it done.
"""

# Tested through tests/store/test_store.py.

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from itertools import product
from typing import TYPE_CHECKING

from sqlalchemy import Column, Integer, MetaData, Table, func, inspect, select

from proxmox_mcp.errors import StoreError
from proxmox_mcp.store.tables import METADATA, TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from sqlalchemy import Connection

STEPS: tuple[Callable[[Connection], None], ...] = ()
"""``STEPS[0]`` takes version 1 to version 2, and so on. Once released, a step is never changed."""

_VERSION = Table("store_version", MetaData(), Column("version", Integer, nullable=False))
_FILES = (("approvals.sqlite", "approval", TABLES.approvals), ("secrets.sqlite", "secret", TABLES.secrets))
_LOG = logging.getLogger("proxmox_mcp.store")


def migrate(connection: Connection, name: str, earlier: Iterable[Path] = ()) -> tuple[Path, ...]:
    """Bring the tables of a store to the newest version, within the caller's transaction.

    ``earlier``: directories whose files a new store takes over. Gives the files that can be deleted once this is
    committed. Raises ``StoreError`` for a store that a newer version of this program made: its data would be misread.
    """
    newest = 1 + len(STEPS)
    found = _version(connection)
    if found > newest:
        raise StoreError(
            f"{name} was made by a newer version of proxmox-mcp (tables of version {found}; this one knows {newest})",
            "Upgrade proxmox-mcp, or restore the backup that was made before the upgrade.",
        )
    if found == newest:
        return ()
    if found == 0:
        METADATA.create_all(connection)
        _VERSION.create(connection)
        connection.execute(_VERSION.insert().values(version=newest))
        return _take_over(connection, earlier)
    for step in STEPS[found - 1 :]:
        step(connection)
    connection.execute(_VERSION.update().values(version=newest))
    return ()


def _version(connection: Connection) -> int:
    """The version of the tables; 0 for a store without tables."""
    if not inspect(connection).has_table(_VERSION.name):
        return 0
    return int(connection.execute(_VERSION.select()).scalar_one())


def _take_over(connection: Connection, directories: Iterable[Path]) -> tuple[Path, ...]:
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
