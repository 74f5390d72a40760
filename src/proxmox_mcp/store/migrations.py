"""The version of the tables in a store, and the steps from one version to the next.

A new store is made with the tables as they are now. An older one takes the steps after its version, in one transaction
with the check: of several processes that start, one migrates and the others find it done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Column, Integer, MetaData, Table, inspect

from proxmox_mcp.errors import StoreError
from proxmox_mcp.store.tables import METADATA

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

STEPS: tuple[Callable[[Connection], None], ...] = ()
"""``STEPS[0]`` takes version 1 to version 2, and so on. Once released, a step is never changed."""

_VERSION = Table("store_version", MetaData(), Column("version", Integer, nullable=False))


def migrate(connection: Connection, name: str) -> bool:
    """Bring the tables of a store to the newest version, within the caller's transaction; whether it was new.

    Raises ``StoreError`` for a store that a newer version of this program made: its data would be misread.
    """
    newest = 1 + len(STEPS)
    found = _version(connection)
    if found > newest:
        raise StoreError(
            f"{name} was made by a newer version of proxmox-mcp (tables of version {found}; this one knows {newest})",
            "Upgrade proxmox-mcp, or restore the backup that was made before the upgrade.",
        )
    if found == newest:
        return False
    if found == 0:
        METADATA.create_all(connection)
        _VERSION.create(connection)
        connection.execute(_VERSION.insert().values(version=newest))
        return True
    for step in STEPS[found - 1 :]:
        step(connection)
    connection.execute(_VERSION.update().values(version=newest))
    return False


def _version(connection: Connection) -> int:
    """The version of the tables; 0 for a store without tables."""
    if not inspect(connection).has_table(_VERSION.name):
        return 0
    return int(connection.execute(_VERSION.select()).scalar_one())
