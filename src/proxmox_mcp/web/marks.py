"""What tells one state of the store from another, for each subject of the pages: a few cheap questions to the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.store import Store


def marks(store: Store) -> Mapping[str, object]:
    """For each subject a value that is another one after every change. Raises StoreError."""
    from sqlalchemy import func, select

    with store.reading() as db:
        tables = db.tables

        def one(*columns: Any) -> object:
            return tuple(db.execute(select(*columns)).one())

        a, f = tables.approvals.c, tables.freezes.c
        return {
            "approvals": one(func.max(a.number), func.max(a.decided), func.count(a.number)),
            "activity": one(func.max(tables.activity.c.number)),
            "freeze": one(func.max(f.number), func.max(f.ended)),
        }
