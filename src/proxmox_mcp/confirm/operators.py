"""Whether an operator can hear of a call that waits for them, and where they decide it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox_mcp.store import Store

IDLE_SECONDS = 2 * 3600
"""Without a request for so long, a session of the console has ended."""
DECIDING_ROLES = ("operator", "admin")
"""The roles of the console that may approve."""


class Operators(Struct, frozen=True, kw_only=True):
    """``console`` is its address for people with a slash at the end, empty if nobody set it; ``served``: whether there
    is a console at all. ``notified``: whether a notification channel is set."""

    store: Store
    console: str = ""
    served: bool = True
    notified: bool = False
    clock: Callable[[], float] = time.time

    def can_hear(self) -> bool:
        """Whether a request would come to somebody's notice: by a notification, or in an open console of who may
        decide. One read; raises StoreError."""
        if self.notified:
            return True
        now = self.clock()
        with self.store.reading() as db:
            c = db.tables.console_sessions.c
            is_open = (c.expires > now) & (c.seen > now - IDLE_SECONDS) & c.role.in_(DECIDING_ROLES)
            return db.row(db.tables.console_sessions.select().where(is_open).limit(1)) is not None

    def link(self, number: int) -> str:
        """The page of a request; empty where the address of the console is unknown."""
        return f"{self.console}approvals/{number}" if self.console else ""

    def where(self, number: int) -> str:
        """Where a person decides on a request, to go on after a verb."""
        places = [f"at {self.link(number)}" if self.console else "in the console"] if self.served else []
        return " or ".join([*places, f"with `proxmox-mcp approve {number}` on the server"])
