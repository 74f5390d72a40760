"""Secrets that a call exists to give: kept for the operator, the model gets a number (``proxmox-mcp secret N``)."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from proxmox_mcp.errors import GuardError

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox_mcp.store import Store, Transaction

_KEPT_SECONDS = 7 * 86400


class Secret(Struct, frozen=True):
    """One secret: ``call`` gave it under ``name``, at ``created`` (seconds since 1970)."""

    number: int
    created: float
    caller: str
    call: str
    name: str
    value: str


class OneTimeSecrets:
    """Keeps them in the store. A secret is shown once and forgotten, after seven days in any case.

    ``keep`` and ``take`` raise ``GuardError`` where the store can't be used.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store, self._clock = store, clock

    def keep(self, caller: str, call: str, name: str, value: Any) -> int:
        """Keep one secret, give its number."""
        text = value if isinstance(value, str) else json.dumps(value)
        with self._store.transaction() as db:
            self._expire(db)
            return db.insert(db.tables.secrets, created=self._clock(), caller=caller, call=call, name=name, value=text)

    def keeper(self, caller: str, call: str) -> Callable[[str, Any], str]:
        """For ``Redactor.data(..., keep=...)``: keeps what a call gave, and says how the operator gets it."""

        def keep(name: str, value: Any) -> str:
            return f"[kept for the operator: proxmox-mcp secret {self.keep(caller, call, name, value)}]"

        return keep

    def take(self, number: int) -> Secret:
        """The secret, once. Raises ``GuardError`` if that number has none any more."""
        with self._store.transaction(erasing=True) as db:
            self._expire(db)
            table = db.tables.secrets
            row = db.row(table.delete().where(table.c.number == number).returning(*table.c))
        if row is None:
            raise GuardError(f"there is no secret {number}", "It was shown before, or is older than seven days.")
        return Secret(**row)

    def _expire(self, db: Transaction) -> None:
        table = db.tables.secrets
        db.execute(table.delete().where(table.c.created < self._clock() - _KEPT_SECONDS))
