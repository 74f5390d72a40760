"""What tells one state of the store from another, for each subject of the pages: a few cheap questions to the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.store import Store


def marks(store: Store) -> Mapping[str, str]:
    """For each subject a text that is another one after every change. Raises StoreError."""
    from sqlalchemy import func, select

    with store.reading() as db:
        tables = db.tables

        def one(*columns: Any) -> str:
            return " ".join(map(str, db.execute(select(*columns)).one()))

        a, f = tables.approvals.c, tables.freezes.c
        # How many are in each state: an approval that is used gets no other time.
        by_state = select(a.state, func.count(), func.max(a.number)).group_by(a.state).order_by(a.state)
        return {
            "approvals": " ".join(map(str, db.execute(by_state).all())),
            "activity": one(func.max(tables.activity.c.number)),
            "freeze": one(func.max(f.number), func.max(f.ended)),
        }
