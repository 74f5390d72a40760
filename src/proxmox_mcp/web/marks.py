"""What tells one state of the store from another, for each subject of the pages: a few cheap questions to the store."""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Select

    from proxmox_mcp.store import Store
    from proxmox_mcp.store.tables import Tables

NO_PLANS = ""
"""The mark of the plans while none runs."""


def marks(store: Store) -> Mapping[str, str]:
    """For each subject a text that is another one after every change. Raises StoreError."""
    with store.reading() as db:
        questions = _questions(db.tables)
        return {subject: " ".join(map(str, db.execute(question).all())) for subject, question in questions.items()}


@cache
def _questions(tables: Tables) -> Mapping[str, Select[Any]]:
    """A question for each subject. They are built once, which takes SQLAlchemy four times as long as to ask them."""
    from sqlalchemy import bindparam, func, select

    a, c, f, g = tables.approvals.c, tables.changes.c, tables.freezes.c, tables.grants.c
    plans, steps = tables.plans.c, tables.plan_steps.c
    running = select(plans.number).where(plans.state == "running")
    step = (steps.plan, steps.state)
    in_force = (g.until > bindparam("now", callable_=time.time)) & g.revoked.is_(None) & (g.used < g.calls)
    return {
        # How many are in each state: an approval that is used gets no other time.
        "approvals": select(a.state, func.count(), func.max(a.number)).group_by(a.state).order_by(a.state),
        "activity": select(func.max(tables.activity.c.number)),
        "changes": select(func.max(c.number), func.max(c.finished), func.count(c.undone_by)),
        "plans": select(*step, func.count()).where(steps.plan.in_(running)).group_by(*step).order_by(*step),
        "freeze": select(func.max(f.number), func.max(f.ended)),
        "grants": select(func.count(), func.max(g.number), func.sum(g.used)).where(in_force),
    }
