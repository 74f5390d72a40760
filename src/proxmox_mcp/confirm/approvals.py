"""Approvals by a person on the server: requested by a call, decided with ``proxmox-mcp approve N`` or ``deny N``.

The queue is a file, since the command line is another process than the server.
"""

from __future__ import annotations

import hmac
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from proxmox_mcp.confirm.confirmations import LIFETIME_SECONDS
from proxmox_mcp.errors import ConfirmationError
from proxmox_mcp.store.sqlite_file import StateFile

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

    from proxmox_mcp.confirm.statement import Statement
    from proxmox_mcp.policy.call import Call

PENDING_SECONDS = 3600
_MOST_PENDING = 50
_FORGET_SECONDS = 30 * 86400
_SCHEMA = """
CREATE TABLE IF NOT EXISTS approval (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    created REAL NOT NULL, decided REAL, state TEXT NOT NULL,
    caller TEXT NOT NULL, cluster TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL, statement TEXT NOT NULL,
    binding TEXT NOT NULL, fingerprint TEXT NOT NULL, decided_by TEXT NOT NULL DEFAULT ''
)
"""


class ApprovalState(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    USED = "used"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Approval:
    """One request. ``created`` and ``decided`` are seconds since 1970; ``statement`` holds no secret."""

    number: int
    created: float
    decided: float | None
    state: ApprovalState
    caller: str
    cluster: str
    method: str
    path: str
    statement: str
    decided_by: str


class Approvals:
    """The queue. A request waits an hour; once approved it can be used for ten minutes, once, for that exact call.

    Every method raises ``GuardError`` where the file can't be used.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._state, self._clock = StateFile(path, _SCHEMA), clock

    def request(self, call: Call, statement: Statement) -> int:
        """Ask for an approval, give its number. The same call on the same things has one request, not many.

        Raises ``ConfirmationError`` where the caller has too many open.
        """
        now, binding, fingerprint = self._clock(), call.digest(), statement.fingerprint()
        with self._state.transaction() as db:
            self._expire(db, now)
            open_ones = db.execute(
                "SELECT number, binding, fingerprint FROM approval WHERE caller = ? AND state IN (?, ?)",
                (call.caller.name, ApprovalState.PENDING, ApprovalState.APPROVED),
            ).fetchall()
            for row in open_ones:
                if row["binding"] == binding and row["fingerprint"] == fingerprint:
                    return int(row["number"])
            if len(open_ones) >= _MOST_PENDING:
                raise ConfirmationError(
                    f"{len(open_ones)} of your calls wait for an approval already", "Wait until some are decided."
                )
            call_columns = (call.caller.name, call.cluster, call.method, call.path.text)
            cursor = db.execute(
                "INSERT INTO approval (created, state, caller, cluster, method, path, statement, binding, fingerprint)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (now, ApprovalState.PENDING, *call_columns, statement.text, binding, fingerprint),
            )
            return cursor.lastrowid or 0

    def get(self, number: int) -> Approval:
        """One request, as it stands. Raises ``ConfirmationError`` where there is none of that number."""
        with self._state.transaction() as db:
            self._expire(db, self._clock())
            return self._read(db, number)

    def pending(self) -> list[Approval]:
        """What waits for a decision, oldest first."""
        with self._state.transaction() as db:
            self._expire(db, self._clock())
            rows = db.execute(
                "SELECT * FROM approval WHERE state = ? ORDER BY number", (ApprovalState.PENDING,)
            ).fetchall()
        return [_approval(row) for row in rows]

    def decide(self, number: int, *, approve: bool, by: str) -> Approval:
        """Approve or deny a request, in the name of ``by``. Raises ``ConfirmationError`` where it doesn't wait."""
        state = ApprovalState.APPROVED if approve else ApprovalState.DENIED
        with self._state.transaction() as db:
            self._expire(db, self._clock())
            approval = self._read(db, number)
            if approval.state is not ApprovalState.PENDING:
                raise ConfirmationError(
                    f"request {number} is {approval.state}", "`proxmox-mcp approvals` lists the open."
                )
            db.execute(
                "UPDATE approval SET state = ?, decided = ?, decided_by = ? WHERE number = ?",
                (state, self._clock(), by, number),
            )
            return self._read(db, number)

    def redeem(self, number: int, call: Call, statement: Statement) -> str:
        """Use an approval up for this call; ``statement`` is read anew. Gives the name of who approved.

        Raises ``ConfirmationError`` where it is not approved (yet), was used, has expired, is for another call, or
        where what would be hit has changed.
        """
        with self._state.transaction() as db:
            self._expire(db, self._clock())
            row = db.execute("SELECT * FROM approval WHERE number = ?", (number,)).fetchone()
            if row is None or not hmac.compare_digest(row["binding"], call.digest()):
                raise ConfirmationError(
                    f"there is no approval {number} for this call",
                    "Nothing was sent. Repeat the call exactly as it was, or make it without `confirm` to ask anew.",
                )
            approval = _approval(row)
            if approval.state is ApprovalState.PENDING:
                raise ConfirmationError(
                    f"request {number} waits for a person",
                    f"Ask the operator to run `proxmox-mcp approve {number}` on the server, then repeat the call.",
                )
            if approval.state is not ApprovalState.APPROVED:
                raise ConfirmationError(f"request {number} is {approval.state}", "Nothing was sent.")
            if not hmac.compare_digest(row["fingerprint"], statement.fingerprint()):
                raise ConfirmationError(
                    f"what this call would hit has changed since the approval. Now: {statement.text}",
                    "Nothing was sent. Make the call without `confirm` to ask anew.",
                )
            db.execute("UPDATE approval SET state = ? WHERE number = ?", (ApprovalState.USED, number))
            return approval.decided_by

    def _read(self, db: sqlite3.Connection, number: int) -> Approval:
        row = db.execute("SELECT * FROM approval WHERE number = ?", (number,)).fetchone()
        if row is None:
            raise ConfirmationError(f"there is no request {number}", "`proxmox-mcp approvals` lists the open ones.")
        return _approval(row)

    def _expire(self, db: sqlite3.Connection, now: float) -> None:
        undecided = (ApprovalState.PENDING, now - PENDING_SECONDS)
        unused = (ApprovalState.APPROVED, now - LIFETIME_SECONDS)
        db.execute(
            "UPDATE approval SET state = ? WHERE (state = ? AND created < ?) OR (state = ? AND decided < ?)",
            (ApprovalState.EXPIRED, *undecided, *unused),
        )
        db.execute("DELETE FROM approval WHERE created < ?", (now - _FORGET_SECONDS,))


def _approval(row: sqlite3.Row) -> Approval:
    fields = {name: row[name] for name in Approval.__slots__}
    return Approval(**{**fields, "state": ApprovalState(row["state"])})
