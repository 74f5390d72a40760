"""The marks tell of every change of the store, and of a grant that has run out."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from patience import until
from proxmox_mcp.apidoc.reviews import Effect
from proxmox_mcp.confirm.grants import Grants
from proxmox_mcp.web.marks import NO_PLANS, marks

if TYPE_CHECKING:
    from proxmox_mcp.store import Store


def give(store: Store, *, ends_in: float) -> None:
    """A grant for an hour, of which so much is left."""
    Grants(store, clock=lambda: time.time() - 3600 + ends_in).give(
        caller="ops", cluster="default", by="lena", effects=frozenset({Effect.DISRUPT}), guests=frozenset({101}),
        calls=5, seconds=3600,
    )  # fmt: skip


def test_a_grant_that_is_given_or_runs_out_changes_the_mark_of_grants(store: Store) -> None:
    before = marks(store)
    give(store, ends_in=-1.0)
    assert marks(store) == before
    give(store, ends_in=1.0)
    given = marks(store)
    assert {subject for subject in given if given[subject] != before[subject]} == {"grants"}
    until(lambda: marks(store)["grants"] == before["grants"])


def test_the_mark_of_the_plans_tells_whether_one_runs(store: Store) -> None:
    assert marks(store)["plans"] == NO_PLANS
    with store.transaction() as db:
        number = db.insert(db.tables.plans, created=1.0, state="running", given={}, identifiers=[])
        db.execute(db.tables.plan_steps.insert().values(plan=number, step=1, state="waiting", data={}, upids=[]))
    assert marks(store)["plans"] != NO_PLANS
    with store.transaction() as db:
        db.execute(db.tables.plans.update().values(state="done"))
    assert marks(store)["plans"] == NO_PLANS
