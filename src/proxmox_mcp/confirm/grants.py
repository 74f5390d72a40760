"""Grants: a person allows a caller for a while what would be asked about each time.

These effects, on these guests or those of a pool or tag, so many calls, eight hours at most. Never covered are plans,
what a rule with ``four_eyes`` holds, unreviewed calls and those that may hit more than the guests that they name; a
freeze and a denial come before any grant.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from proxmox_mcp.apidoc.reviews import Effect
from proxmox_mcp.errors import ConfirmationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from proxmox_mcp.policy.call import Call
    from proxmox_mcp.policy.rules import Facts
    from proxmox_mcp.store import Store, Transaction

LONGEST_SECONDS = 8 * 3600
MOST_CALLS = 1000


class Grant(Struct, frozen=True, kw_only=True):
    """One grant. ``until`` and ``revoked`` are seconds since 1970; a guest is covered if it is named, or in one of the
    pools, or has one of the tags. ``approval``: the request that it was given with."""

    number: int
    created: float
    until: float
    caller: str
    cluster: str
    granted_by: str
    effects: frozenset[Effect]
    guests: frozenset[int]
    pools: frozenset[str]
    tags: frozenset[str]
    calls: int
    used: int = 0
    revoked: float | None = None
    revoked_by: str = ""
    approval: int | None = None

    def covers(self, call: Call, facts: Facts) -> bool:
        """Whether the grant allows what this call does to what it hits; what is unknown is not covered."""
        judgement, targets = call.judgement, call.targets
        if not call.template or not judgement.reviewed or targets.open_ended or targets.pools or not targets.guests:
            return False
        return judgement.effects <= self.effects | {Effect.READ} and all(
            self._covers_guest(vmid, facts) for vmid in targets.guests
        )

    def _covers_guest(self, vmid: int, facts: Facts) -> bool:
        if vmid in self.guests:
            return True
        known = facts.get(vmid)
        return known is not None and known.exists and (known.pool in self.pools or bool(known.tags & self.tags))

    @property
    def described(self) -> str:
        """What it allows, in one line: untrusted names are those that a person gave."""
        places = [f"guest {vmid}" for vmid in sorted(self.guests)]
        places += [f"pool {pool}" for pool in sorted(self.pools)] + [f"tag {tag}" for tag in sorted(self.tags)]
        where = f" of {self.cluster}" if self.cluster else ""
        return (
            f"{self.caller} may {', '.join(sorted(self.effects))} on {', '.join(places)}{where}: "
            f"{self.used} of {self.calls} calls used"
        )


class Grants:
    """All grants of a store. Every method raises StoreError where the store can't be used."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store, self._clock = store, clock

    def give(
        self,
        *,
        caller: str,
        cluster: str,
        by: str,
        effects: frozenset[Effect],
        guests: frozenset[int] = frozenset(),
        pools: frozenset[str] = frozenset(),
        tags: frozenset[str] = frozenset(),
        calls: int,
        seconds: float,
        approval: int | None = None,
    ) -> Grant:
        """Allow it from now on. Raises ConfirmationError for what can't be granted."""
        require_grantable(effects, guests, pools, tags, calls=calls, seconds=seconds)
        now = self._clock()
        with self._store.transaction() as db:
            number = db.insert(
                db.tables.grants,
                created=now,
                until=now + seconds,
                caller=caller,
                cluster=cluster,
                granted_by=by,
                approval=approval,
                effects=sorted(effects),
                guests=sorted(guests),
                pools=sorted(pools),
                tags=sorted(tags),
                calls=calls,
            )
            return self._read(db, number)

    def active(self) -> list[Grant]:
        """Those that can still be used, the newest first."""
        with self._store.reading() as db:
            return self._active(db)

    def may_cover(self, call: Call) -> bool:
        """Whether this caller has any grant here. One read, before facts are looked up."""
        with self._store.reading() as db:
            return any(_is_for(grant, call) for grant in self._active(db))

    def use(self, call: Call, facts: Facts) -> Grant | None:
        """Use one call of a grant that covers this call, and return the grant; None if no grant covers it.

        Reading and counting are one transaction: several processes never use more than was granted.
        """
        with self._store.transaction() as db:
            for grant in self._active(db):
                if _is_for(grant, call) and grant.covers(call, facts):
                    t = db.tables.grants
                    db.execute(t.update().where(t.c.number == grant.number).values(used=grant.used + 1))
                    return self._read(db, grant.number)
        return None

    def revoke(self, number: int, *, by: str) -> Grant:
        """End a grant. Raises ConfirmationError if the number is unknown or the grant has ended."""
        with self._store.transaction() as db:
            if number not in {grant.number for grant in self._active(db)}:
                raise ConfirmationError(f"there is no grant {number} in force", "`proxmox-mcp grants` lists them.")
            t = db.tables.grants
            db.execute(t.update().where(t.c.number == number).values(revoked=self._clock(), revoked_by=by))
            return self._read(db, number)

    def _active(self, db: Transaction) -> list[Grant]:
        t = db.tables.grants
        alive = (t.c.until > self._clock()) & t.c.revoked.is_(None) & (t.c.used < t.c.calls)
        return [_grant(row) for row in db.rows(t.select().where(alive).order_by(t.c.number.desc()))]

    def _read(self, db: Transaction, number: int) -> Grant:
        t = db.tables.grants
        row = db.row(t.select().where(t.c.number == number))
        assert row is not None  # noqa: S101 - it was written in this transaction
        return _grant(row)


def require_grantable(
    effects: frozenset[Effect],
    guests: frozenset[int],
    pools: frozenset[str],
    tags: frozenset[str],
    *,
    calls: int,
    seconds: float,
) -> None:
    """Raises ConfirmationError for what can't be granted."""
    if not 0 < seconds <= LONGEST_SECONDS:
        raise ConfirmationError("a grant lasts eight hours at most", "Give a shorter time, such as 2h.")
    if not 0 < calls <= MOST_CALLS:
        raise ConfirmationError(f"a grant is for 1 to {MOST_CALLS} calls", "Give a number of calls.")
    if not effects or not (guests or pools or tags):
        raise ConfirmationError("a grant names effects, and guests, a pool or a tag", "Name them.")


def _is_for(grant: Grant, call: Call) -> bool:
    return grant.caller == call.caller.name and grant.cluster == call.cluster


def _grant(row: Mapping[str, Any]) -> Grant:
    given = {name: row[name] for name in Grant.__struct_fields__}
    given |= {name: frozenset(row[name] or ()) for name in ("guests", "pools", "tags")}
    return Grant(**{**given, "effects": frozenset(Effect(each) for each in row["effects"] or ())})
