"""What tells one state of the store from another, for each subject of the pages: a few cheap questions to the store."""

from __future__ import annotations

import time
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

        a, c, f, g = tables.approvals.c, tables.changes.c, tables.freezes.c, tables.grants.c
        # How many are in each state: an approval that is used gets no other time.
        by_state = select(a.state, func.count(), func.max(a.number)).group_by(a.state).order_by(a.state)
        p, steps = tables.plans.c, tables.plan_steps.c
        running = select(p.number).where(p.state == "running")
        by_step = (steps.plan, steps.state)
        running_steps = (
            select(*by_step, func.count()).where(steps.plan.in_(running)).group_by(*by_step).order_by(*by_step)
        )
        in_force = (g.until > time.time()) & g.revoked.is_(None) & (g.used < g.calls)
        of_grants = select(func.count(), func.max(g.number), func.sum(g.used)).where(in_force)
        return {
            "approvals": " ".join(map(str, db.execute(by_state).all())),
            "activity": one(func.max(tables.activity.c.number)),
            "changes": one(func.max(c.number), func.max(c.finished), func.count(c.undone_by)),
            "plans": " ".join(map(str, db.execute(running_steps).all())),
            "freeze": one(func.max(f.number), func.max(f.ended)),
            "grants": " ".join(map(str, db.execute(of_grants).one())),
        }
