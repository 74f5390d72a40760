"""Secrets that a call exists to give: kept for the operator, the model gets a number (``proxmox-mcp secret N``)."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from proxmox_mcp.errors import GuardError
from proxmox_mcp.store.sqlite_file import StateFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_KEPT_SECONDS = 7 * 86400
_SCHEMA = """
CREATE TABLE IF NOT EXISTS secret (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    created REAL NOT NULL, caller TEXT NOT NULL, call TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL
)
"""


@dataclass(frozen=True, slots=True)
class Secret:
    """One secret: ``call`` gave it under ``name``, at ``created`` (seconds since 1970)."""

    number: int
    created: float
    caller: str
    call: str
    name: str
    value: str


class Vault:
    """A file in the state directory. A secret is shown once and forgotten, after seven days in any case."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._state, self._clock = StateFile(path, _SCHEMA), clock

    def keep(self, caller: str, call: str, name: str, value: Any) -> int:
        """Keep one secret, give its number. Raises ``GuardError`` where the file can't be used."""
        text = value if isinstance(value, str) else json.dumps(value)
        with self._state.transaction() as db:
            db.execute("DELETE FROM secret WHERE created < ?", (self._clock() - _KEPT_SECONDS,))
            cursor = db.execute(
                "INSERT INTO secret (created, caller, call, name, value) VALUES (?, ?, ?, ?, ?)",
                (self._clock(), caller, call, name, text),
            )
            return cursor.lastrowid or 0

    def keeper(self, caller: str, call: str) -> Callable[[str, Any], str]:
        """For ``Redactor.data(..., keep=...)``: keeps what a call gave, and says how the operator gets it."""

        def keep(name: str, value: Any) -> str:
            return f"[kept for the operator: proxmox-mcp secret {self.keep(caller, call, name, value)}]"

        return keep

    def take(self, number: int) -> Secret:
        """The secret, once. Raises ``GuardError`` where there is none of that number any more."""
        with self._state.transaction() as db:
            row = db.execute("DELETE FROM secret WHERE number = ? RETURNING *", (number,)).fetchone()
        if row is None:
            raise GuardError(f"there is no secret {number}", "It was shown before, or is older than seven days.")
        return Secret(**dict(row))
