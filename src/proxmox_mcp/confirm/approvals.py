"""Approvals by a person on the server: requested by a call, decided with ``proxmox-mcp approve N`` or ``deny N``.

The queue is in the store, since the command line is another process than the server.
"""

from __future__ import annotations

import hmac
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from proxmox_mcp.confirm.confirmations import LIFETIME_SECONDS
from proxmox_mcp.errors import ConfirmationError
from proxmox_mcp.untrusted import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from proxmox_mcp.confirm.statement import Statement
    from proxmox_mcp.policy.call import Call
    from proxmox_mcp.store import Store, Transaction

PENDING_SECONDS = 3600
_MOST_PENDING = 50
_FORGET_SECONDS = 30 * 86400
_TOLD = {"told": True}
"""The ``details`` of a denied request whose caller knows of it."""


class ApprovalState(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    USED = "used"
    EXPIRED = "expired"


_ASK_AGAIN = "Nothing was sent. Make the call without `confirm` to ask again."
_AFTER = {
    ApprovalState.DENIED: (
        "Nothing was sent. Ask the user what they want instead; don't try other ways. "
        "Only if they want it asked again, make the same call without `confirm`."
    ),
    ApprovalState.USED: _ASK_AGAIN,
    ApprovalState.EXPIRED: _ASK_AGAIN,
}


class Approval(Struct, frozen=True):
    """One request. ``created`` and ``decided`` are seconds since 1970; ``statement`` is whole while the request
    waits, and without secrets in its code afterwards.

    ``asked_reason`` is the caller's for asking, ``reason`` that of the person who decided. ``four_eyes``: while it
    waits, whether a rule demands another person than the one whose client asks.
    """

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
    client: str = ""
    effects: tuple[str, ...] = ()
    asked_reason: str = ""
    reason: str = ""
    four_eyes: bool = False


class Approvals:
    """The queue. A request waits an hour; once approved it can be used for ten minutes, once, for that exact call.

    Every method raises ``StoreError`` where the store can't be used.
    """

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store, self._clock = store, clock
        self._listeners: list[Callable[[Approval], None]] = []

    def when_decided(self, listener: Callable[[Approval], None]) -> None:
        """Have the listener called after each decision that this process makes, in the thread that makes it."""
        self._listeners.append(listener)

    def request(self, call: Call, statement: Statement) -> int:
        """Ask for an approval, give its number. The same call on the same things has one request, not many.

        Raises ``ConfirmationError`` where the caller has too many open, and where this very call was denied within the
        last hour and the caller has not been told: once, so that the next one asks again.
        """
        now, binding, fingerprint = self._clock(), call.digest(), statement.fingerprint()
        with self._store.transaction() as db:
            self._expire(db, now)
            table = db.tables.approvals
            is_open = table.c.state.in_((ApprovalState.PENDING, ApprovalState.APPROVED))
            found = db.rows(table.select().where((table.c.caller == call.caller.name) & is_open))
            for row in found:
                if row["binding"] == binding and row["fingerprint"] == fingerprint:
                    return int(row["number"])
            mine = (table.c.caller == call.caller.name) & (table.c.binding == binding)
            recent = (table.c.state == ApprovalState.DENIED) & (table.c.decided >= now - PENDING_SECONDS)
            denied = db.rows(table.select().where(mine & recent).order_by(table.c.number))
            untold = [row for row in denied if row["details"] != _TOLD]
            self._mark_told(db, [int(row["number"]) for row in untold])
            if not untold:
                if len(found) >= _MOST_PENDING:
                    raise ConfirmationError(
                        f"{len(found)} of your calls wait for an approval already", "Wait until some are decided."
                    )
                return db.insert(
                    table,
                    created=now,
                    state=ApprovalState.PENDING,
                    caller=call.caller.name,
                    client=call.client,
                    cluster=call.cluster,
                    method=call.method,
                    path=call.path.text,
                    effects=list(call.judgement.names),
                    statement=statement.text,
                    details=_details(call, statement),
                    binding=binding,
                    fingerprint=fingerprint,
                )
        raise _refusal(_approval(untold[-1]))

    def get(self, number: int) -> Approval:
        """One request as it is now. Raises ``ConfirmationError`` if no request has that number."""
        with self._store.transaction() as db:
            self._expire(db, self._clock())
            return self._read(db, number)

    def pending(self) -> list[Approval]:
        """What waits for a decision, oldest first."""
        with self._store.transaction() as db:
            self._expire(db, self._clock())
            table = db.tables.approvals
            waiting = table.select().where(table.c.state == ApprovalState.PENDING).order_by(table.c.number)
            return [_approval(row) for row in db.rows(waiting)]

    def count_pending(self) -> int:
        """How many wait for a decision. Only reads: cheap enough for every page."""
        from sqlalchemy import func, select

        with self._store.reading() as db:
            c = db.tables.approvals.c
            waits = (c.state == ApprovalState.PENDING) & (c.created >= self._clock() - PENDING_SECONDS)
            return int(db.execute(select(func.count()).where(waits)).scalar_one())

    def decided(self, most: int) -> list[Approval]:
        """What no longer waits, the newest decision first."""
        with self._store.transaction() as db:
            self._expire(db, self._clock())
            table = db.tables.approvals
            # Nobody decided what ran out: its time is that of the request.
            newest = (table.c.decided.desc().nulls_last(), table.c.number.desc())
            done = table.select().where(table.c.state != ApprovalState.PENDING).order_by(*newest).limit(most)
            return [_approval(row) for row in db.rows(done)]

    def decide(self, number: int, *, approve: bool, by: str, reason: str = "") -> Approval:
        """Approve or deny a request, in the name of ``by``. Raises ``ConfirmationError`` where it doesn't wait."""
        state = ApprovalState.APPROVED if approve else ApprovalState.DENIED
        with self._store.transaction() as db:
            self._expire(db, self._clock())
            approval = self._read(db, number)
            if approval.state is not ApprovalState.PENDING:
                raise ConfirmationError(
                    f"request {number} is {approval.state}", "`proxmox-mcp approvals` lists the open ones."
                )
            if approve:
                _require_another(self._find(db, number) or {}, by)
            table = db.tables.approvals
            decided = {"state": state, "decided": self._clock(), "decided_by": by, "reason": reason}
            db.execute(table.update().where(table.c.number == number).values(decided))
            if not approve:
                self._forget_code(db, [number])
            approval = self._read(db, number)
        for listener in self._listeners:
            listener(approval)
        return approval

    def of_call(self, number: int, call: Call) -> Approval:
        """The request that this call has made. Only reads, so that many calls can look often.

        Raises ``ConfirmationError`` where the number is that of another call, or of none.
        """
        with self._store.reading() as db:
            row = self._find_for(db, number, call)
        approval = _approval(row)
        ran_out = approval.state is ApprovalState.PENDING and approval.created < self._clock() - PENDING_SECONDS
        return replace(approval, state=ApprovalState.EXPIRED) if ran_out else approval

    def redeem(self, number: int, call: Call, statement: Statement) -> str:
        """Use an approval up for this call; ``statement`` is read again. Gives the name of who approved.

        Raises ``ConfirmationError`` where it is not approved (yet), was used, has expired, is for another call, or
        where what would be hit has changed.
        """
        with self._store.transaction() as db:
            self._expire(db, self._clock())
            row = self._find_for(db, number, call)
            approval = _approval(row)
            if approval.state is ApprovalState.PENDING:
                raise ConfirmationError(
                    f"request {number} waits for a person",
                    f"Ask the operator to run `proxmox-mcp approve {number}` on the server, then repeat the call.",
                )
            if approval.state is ApprovalState.APPROVED:
                if not hmac.compare_digest(row["fingerprint"], statement.fingerprint()):
                    raise ConfirmationError(
                        f"what this call would hit has changed since the approval. Now: {statement.text}",
                        _ASK_AGAIN,
                    )
                table = db.tables.approvals
                db.execute(table.update().where(table.c.number == number).values(state=ApprovalState.USED))
                self._forget_code(db, [number])
                return approval.decided_by
            if approval.state is ApprovalState.DENIED:
                self._mark_told(db, [number])
        raise _refusal(approval)

    def _mark_told(self, db: Transaction, numbers: Sequence[int]) -> None:
        """Keep that the caller knows of these denials; it lasts only if the transaction ends without an exception."""
        table = db.tables.approvals
        if numbers:
            db.execute(table.update().where(table.c.number.in_(numbers)).values(details=_TOLD))

    def _read(self, db: Transaction, number: int) -> Approval:
        row = self._find(db, number)
        if row is None:
            raise ConfirmationError(f"there is no request {number}", "`proxmox-mcp approvals` lists the open ones.")
        return _approval(row)

    def _find_for(self, db: Transaction, number: int, call: Call) -> dict[str, Any]:
        row = self._find(db, number)
        if row is None or not hmac.compare_digest(row["binding"], call.digest()):
            raise ConfirmationError(
                f"there is no approval {number} for this call",
                "Nothing was sent. Repeat the call exactly as it was, or make it without `confirm` to ask again.",
            )
        return row

    def _find(self, db: Transaction, number: int) -> dict[str, Any] | None:
        table = db.tables.approvals
        return db.row(table.select().where(table.c.number == number))

    def _expire(self, db: Transaction, now: float) -> None:
        table = db.tables.approvals
        undecided = (table.c.state == ApprovalState.PENDING) & (table.c.created < now - PENDING_SECONDS)
        unused = (table.c.state == ApprovalState.APPROVED) & (table.c.decided < now - LIFETIME_SECONDS)
        ended = [int(row["number"]) for row in db.rows(table.select().where(undecided | unused))]
        if ended:
            db.execute(table.update().where(table.c.number.in_(ended)).values(state=ApprovalState.EXPIRED))
            self._forget_code(db, ended)
        db.execute(table.delete().where(table.c.created < now - _FORGET_SECONDS))

    def _forget_code(self, db: Transaction, numbers: Sequence[int]) -> None:
        """What no longer waits keeps the statement as records have it, without secrets in the code to be run."""
        table = db.tables.approvals
        for row in db.rows(table.select().where(table.c.number.in_(numbers))):
            kept = (row["details"] or {}).get("redacted", row["statement"])
            db.execute(table.update().where(table.c.number == row["number"]).values(statement=kept, details=None))


def _refusal(approval: Approval) -> ConfirmationError:
    """What the caller of a request is told that is neither open nor approved: by whom it was denied and why."""
    why = f": {quoted(approval.reason)}" if approval.reason else ""
    by = f" by {approval.decided_by}" if approval.state is ApprovalState.DENIED else ""
    return ConfirmationError(f"request {approval.number} is {approval.state}{by}{why}", _AFTER[approval.state])


def _details(call: Call, statement: Statement) -> dict[str, Any]:
    """What is kept while a request waits: who may decide it, and the statement for the time after."""
    four_eyes = call.decision is not None and call.decision.four_eyes
    redacted = statement.redacted or statement.text
    return {"owner": call.caller.owner, "four_eyes": four_eyes, "redacted": redacted}


def _require_another(row: Mapping[str, Any], by: str) -> None:
    """Raises ConfirmationError if a rule demands another person than the one who approves."""
    details = row.get("details") or {}
    if details.get("four_eyes") and by in (row.get("caller"), details.get("owner")):
        raise ConfirmationError(
            f"request {row.get('number')} comes from your own client, and a rule demands another person (four_eyes)",
            "Ask somebody else to decide. You may deny it.",
        )


def _approval(row: dict[str, Any]) -> Approval:
    fields = {name: row[name] for name in Approval.__struct_fields__ if name in row}
    state, effects = ApprovalState(row["state"]), tuple(row["effects"] or ())
    four_eyes = bool((row["details"] or {}).get("four_eyes"))
    return Approval(**{**fields, "state": state, "effects": effects, "four_eyes": four_eyes})
