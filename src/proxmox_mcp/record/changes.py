"""The record of every write that was sent: the state before and after it, and how it is undone.

A change is on disk before its call is sent, without an outcome; it gets one when the call has ended. One that has none
was cut off: whether it took effect is unknown.
"""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from proxmox_mcp.apidoc.effects import bundled_effects
from proxmox_mcp.apidoc.reviews import Effect
from proxmox_mcp.errors import CallError
from proxmox_mcp.record.differences import differences
from proxmox_mcp.record.snapshots_first import is_taken_first
from proxmox_mcp.record.undo import Get, Inverse, InverseCall

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from proxmox_mcp.policy.call import Call
    from proxmox_mcp.record.differences import Difference
    from proxmox_mcp.record.redaction import Redactor
    from proxmox_mcp.record.undo import State
    from proxmox_mcp.store import Store, Transaction

_MOST_LISTED = 200
_MOST_SEARCHED = 5000
_LONGEST_STATE = 1_000_000
"""Characters of a state as JSON. A longer one is not kept; the calls that undo the change are."""
_CODE = frozenset({"command", "commands", "content", "input-data", "script"})
"""Parameters that hold code where a call runs any: a record holds their digest."""


class Change(Struct, frozen=True, kw_only=True):
    """One write. Times are seconds since 1970; ``finished`` is None, and ``outcome`` empty, until its end is known.

    ``outcome`` is ``ok``, ``running`` (its task was not awaited) or the code of an error. ``made`` and ``deleted`` are
    paths. ``undoes`` and ``undone_by`` are numbers of changes; ``plan`` and ``step`` tell the plan that it was part of.
    """

    number: int
    created: float
    finished: float | None
    call_id: str
    caller: str
    client: str
    cluster: str
    method: str
    path: str
    template: str
    effects: tuple[str, ...]
    guests: tuple[int, ...]
    data: Mapping[str, Any]
    before: State
    after: State
    made: tuple[str, ...]
    deleted: tuple[str, ...]
    statement: str
    confirmation: str
    upids: tuple[str, ...]
    outcome: str
    message: str
    inverse: Inverse
    undoes: int | None
    undone_by: int | None
    plan: int | None
    step: int | None

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def is_snapshot_first(self) -> bool:
        """Whether it took a snapshot because a rule asked for it."""
        return self.template.endswith("/snapshot") and is_taken_first(self.data.get("snapname"))

    @property
    def differences(self) -> tuple[Difference, ...]:
        return differences(self.before, self.after)

    @property
    def says(self) -> str:
        """Whether it can be undone, in one line."""
        if self.undone_by is not None:
            return f"Change {self.number}, undone by change {self.undone_by}."
        return f"Change {self.number}, {self.inverse.says}."


class WriteOutcome(Struct, frozen=True, kw_only=True):
    """How a write ended."""

    outcome: str
    message: str = ""
    upids: tuple[str, ...] = ()
    after: State
    inverse: Inverse
    made: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()


class Changes:
    """All changes, in the store. Each caller has those of its own. Every method raises ``StoreError``."""

    def __init__(
        self, store: Store, redactor: Redactor, *, keep_days: float, clock: Callable[[], float] = time.time
    ) -> None:
        self.store, self._redactor, self._clock = store, redactor, clock
        self._keep_seconds = keep_days * 86400

    def begin(self, call: Call, before: State, inverse: Inverse, *, part: Mapping[str, int] | None = None) -> int:
        """Put a write on record before it is sent, and give its number. ``part``: ``plan``, ``step`` or ``undoes``."""
        now = self._clock()
        with self.store.transaction() as db:
            table = db.tables.changes
            db.execute(table.delete().where(table.c.created < now - self._keep_seconds))
            return db.insert(
                table,
                created=now,
                call_id=call.id,
                caller=call.caller.name,
                client=call.client,
                cluster=call.cluster,
                method=call.method,
                path=call.path.text,
                template=call.template,
                effects=sorted(call.judgement.effects),
                targets={"guests": sorted(call.targets.guests)},
                data=self._recorded(call),
                before=_packed(before),
                confirmation=call.confirmation,
                statement=call.statement,
                **_inverse_columns(inverse),
                **(part or {}),
            )

    def finish(self, number: int, ended: WriteOutcome) -> None:
        """Put on record how a write ended."""
        with self.store.transaction() as db:
            table = db.tables.changes
            values = {
                "finished": self._clock(),
                "outcome": ended.outcome,
                "message": self._redactor.text(ended.message)[:2000],
                "upids": list(ended.upids),
                "after": _packed(ended.after),
                "made": list(ended.made),
                "deleted": list(ended.deleted),
                **_inverse_columns(ended.inverse),
            }
            db.execute(table.update().where(table.c.number == number).values(values))

    def get(self, number: int, caller: str = "") -> Change:
        """One change; ``caller``: of this caller only. Raises ``CallError`` if the number is unknown."""
        with self.store.reading() as db:
            table = db.tables.changes
            found = db.row(table.select().where(table.c.number == number))
        if found is None or (caller and found["caller"] != caller):
            raise CallError(f"There is no change {number}.", "`proxmox-mcp changes` lists them.")
        return _change(found)

    def listed(
        self, *, caller: str = "", guest: int | None = None, since: float = 0.0, most: int = _MOST_LISTED
    ) -> list[Change]:
        """Changes, newest first."""
        with self.store.reading() as db:
            table = db.tables.changes
            wanted = table.c.created >= since
            if caller:
                wanted &= table.c.caller == caller
            newest = table.select().where(wanted).order_by(table.c.number.desc())
            rows = db.rows(newest.limit(most if guest is None else _MOST_SEARCHED))
        found = [row for row in rows if guest is None or guest in (row["targets"] or {}).get("guests", ())]
        return [_change(row) for row in found[:most]]

    def of_plan(self, plan: int, caller: str = "") -> list[Change]:
        """The changes of a plan, in the order of its steps."""
        with self.store.reading() as db:
            table = db.tables.changes
            rows = db.rows(table.select().where(table.c.plan == plan).order_by(table.c.number))
        return [_change(row) for row in rows if not caller or row["caller"] == caller]

    def snapshots_first(self) -> dict[tuple[int, str], int]:
        """The changes that took a snapshot because a rule asked for it, by guest and name of the snapshot."""
        with self.store.reading() as db:
            table = db.tables.changes
            wanted = (table.c.method == "POST") & table.c.template.endswith("/snapshot") & table.c.undone_by.is_(None)
            rows = db.rows(table.select().where(wanted).order_by(table.c.number.desc()).limit(_MOST_SEARCHED))
        return {
            (guest, change.data["snapname"]): change.number
            for change in map(_change, rows)
            if change.is_snapshot_first
            for guest in change.guests
        }

    def undone(self, numbers: tuple[int, ...], by: int) -> None:
        """Put on record that changes were undone by another."""
        with self.store.transaction() as db:
            table = db.tables.changes
            db.execute(table.update().where(table.c.number.in_(numbers)).values(undone_by=by))
            _give_back(db, numbers)

    def _recorded(self, call: Call) -> dict[str, Any]:
        """The parameters without secrets, and without code."""
        data: dict[str, Any] = dict(self._redactor.data(dict(call.data), call.template))
        if _runs_code(call):
            data |= {name: _digest(data[name]) for name in _CODE & data.keys()}
        return data


def _give_back(db: Transaction, numbers: tuple[int, ...]) -> None:
    """What was itself an undo and is undone now: what it had undone is in force again."""
    table = db.tables.changes
    undoing = [row["undoes"] for row in db.rows(table.select().where(table.c.number.in_(numbers))) if row["undoes"]]
    if undoing:
        db.execute(table.update().where(table.c.number.in_(undoing)).values(undone_by=None))


def _runs_code(call: Call) -> bool:
    review = bundled_effects().of(call.method, call.template)
    return review is None or any(Effect.EXECUTE in finding.effects for finding in review.findings)


def _digest(value: Any) -> str:
    return f"sha256:{hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()}"


def _packed(state: State) -> list[dict[str, Any]] | None:
    rows = [{"path": get.path, "query": list(map(list, get.query)), "answer": each} for get, each in state.items()]
    return rows if len(json.dumps(rows, default=str)) <= _LONGEST_STATE else None


def _unpacked(rows: list[dict[str, Any]] | None) -> State:
    return {Get(row["path"], tuple((k, v) for k, v in row["query"])): row["answer"] for row in rows or ()}


def _inverse_columns(inverse: Inverse) -> dict[str, Any]:
    return {
        "undo_kind": inverse.kind,
        "undo_reason": inverse.reason,
        "undo": {
            "calls": [[each.method, each.path, dict(each.data), each.why] for each in inverse.calls],
            "lost": list(inverse.lost),
            "forms": sorted(inverse.forms),
            "proven": inverse.proven,
        },
    }


def _inverse(row: Mapping[str, Any]) -> Inverse:
    undo = row["undo"] or {}
    return Inverse(
        row["undo_kind"] or "none",
        tuple(InverseCall(method, path, data, why) for method, path, data, why in undo.get("calls", ())),
        tuple(undo.get("lost", ())),
        row["undo_reason"],
        frozenset(undo.get("forms", ())),
        bool(undo.get("proven")),
    )


def _change(row: Mapping[str, Any]) -> Change:
    same = {
        name: row[name]
        for name in (
            *("number", "created", "finished", "call_id", "caller", "client", "cluster", "method", "path", "template"),
            *("statement", "confirmation", "outcome", "message", "undoes", "undone_by", "plan", "step"),
        )
    }
    return Change(
        **same,
        effects=tuple(row["effects"] or ()),
        guests=tuple((row["targets"] or {}).get("guests", ())),
        data=row["data"] or {},
        before=_unpacked(row["before"]),
        after=_unpacked(row["after"]),
        made=tuple(row["made"] or ()),
        deleted=tuple(row["deleted"] or ()),
        upids=tuple(row["upids"] or ()),
        inverse=_inverse(row),
    )
