"""The freeze: a switch in the hand of a person that refuses all writes, approved ones too, while reads go on.

It holds for all processes and replicas of one store, and through restarts. The writers ask for it in the last moment
before they send (``proxmox.access``): where it can't be read, nothing is sent.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from proxmox_mcp.errors import AuditError, FrozenError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox_mcp.record.audit import AuditLog
    from proxmox_mcp.store import Store, Transaction

_LONGEST_REASON = 200
_NOTHING_SENT = "Nothing was sent. Reads go on."
_LOG = logging.getLogger("proxmox_mcp.freeze")


class Freeze(Struct, frozen=True):
    """One freeze. ``since`` and ``until`` are seconds since 1970; without ``until`` it lasts until somebody ends it."""

    number: int
    since: float
    until: float | None
    reason: str
    by: str

    @property
    def described(self) -> str:
        """Who froze since when, until when and why, in one line."""
        until = f" until {_shown(self.until)}" if self.until is not None else ""
        return f"{self.by}, since {_shown(self.since)}{until}" + (f": {self.reason}" if self.reason else "")


class Freezes:
    """The switch. Every method but ``refuse_if_frozen`` raises ``StoreError`` where the store can't be used."""

    def __init__(self, store: Store, audit: AuditLog, clock: Callable[[], float] = time.time) -> None:
        self._store, self._audit, self._clock = store, audit, clock

    def current(self) -> Freeze | None:
        """The freeze that is in force; None while writes are allowed."""
        with self._store.reading() as db:
            return self._current(db)

    def freeze(self, *, by: str, reason: str = "", seconds: float | None = None) -> Freeze:
        """Refuse all writes from now on, for so many seconds or until ``unfreeze``; takes the place of an earlier one.

        It is in force also where it could not be put on record: then the log says so.
        """
        now = self._clock()
        until = now + seconds if seconds is not None else None
        said = " ".join(reason.split())[:_LONGEST_REASON]
        with self._store.transaction() as db:
            self._end(db, now, by)
            number = db.insert(db.tables.freezes, since=now, until=until, reason=said, by=by)
        freeze = Freeze(number, now, until, said, by)
        try:
            self._audit.act("freeze", by, {"reason": said, "until": _shown(until) if until is not None else ""})
        except AuditError as error:
            _LOG.error("the freeze by %s is in force, but was not recorded: %s", by, error)
        return freeze

    def unfreeze(self, *, by: str) -> Freeze | None:
        """Allow writes again; the freeze that this ended, or None where there was none.

        Raises ``AuditError`` where it can't be put on record: then it stays frozen.
        """
        with self._store.transaction() as db:
            ended = self._current(db)
            if ended is not None:
                self._audit.act("unfreeze", by, {"frozen": ended.described})
                self._end(db, self._clock(), by)
        return ended

    def refuse_if_frozen(self) -> None:
        """Raises ``FrozenError`` while writes are frozen, or where it can't be read whether they are.

        One read, in the calling thread.
        """
        try:
            freeze = self.current()
        except StoreError as error:
            raise FrozenError(
                f"It can't be read whether writes are frozen: {error.message}", f"Nothing was sent. {error.advice}"
            ) from error
        if freeze is not None:
            raise FrozenError(
                f"All writes are frozen by {freeze.described}",
                f"{_NOTHING_SENT} Only a person can end the freeze: in the console, or with `proxmox-mcp unfreeze`.",
            )

    def _current(self, db: Transaction) -> Freeze | None:
        table = db.tables.freezes
        last = table.select().where(table.c.ended.is_(None)).order_by(table.c.number.desc()).limit(1)
        row = db.row(last)
        if row is None or (row["until"] is not None and row["until"] <= self._clock()):
            return None
        return Freeze(**{name: row[name] for name in Freeze.__struct_fields__})

    def _end(self, db: Transaction, now: float, by: str) -> None:
        table = db.tables.freezes
        db.execute(table.update().where(table.c.ended.is_(None)).values(ended=now, ended_by=by))


def _shown(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
