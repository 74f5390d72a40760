"""What has happened since people were last told, read from the store.

So it does not matter which process it happened in, and nothing that happens waits for its message. One process of a
store tells of each event: they take turns by a mark in the store.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from proxmox_mcp.confirm.approvals import PENDING_SECONDS, ApprovalState
from proxmox_mcp.untrusted import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from proxmox_mcp.store import Store, Transaction

TOLD_EFFECTS = ("destroy", "disrupt")
_LAG_SECONDS = 2.0
"""What is found by its time is told so much later: a row may be written a moment after the time that it bears."""
_MOST_ROWS = 500
_LONGEST_DETAIL = 1_000
_KEY = "told"


class News(Struct, frozen=True, kw_only=True):
    """One event. ``said`` names nobody and nothing; ``detail`` does. ``page`` is below the console's address, and
    ``kind`` what alike events are put together by."""

    kind: str
    said: str
    page: str = ""
    detail: str = ""


class _Marks(Struct, frozen=True):
    """Up to where people were told: numbers of rows, and a time for what is found by that."""

    approval: int
    freeze: int
    activity: int
    until: float


class NewsOfStore:
    """The events of one store. Every method raises StoreError."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store, self._clock = store, clock
        self._looked = 0  # The last line of activity up to which there was nothing to tell: not looked at again.

    def take(self) -> list[News]:
        """What was not told yet; who takes it must tell it. Nothing from before the very first look."""
        with self._store.reading() as db:
            marks = self._marks(db)
            if marks is not None:
                found, latest = self._found(db, marks)
        if marks is not None and not found:
            self._looked = latest.activity
            return []
        with self._store.transaction() as db:
            marks = self._marks(db)
            found, latest = self._found(db, marks) if marks is not None else ([], self._present(db))
            self._mark(db, latest)
        return found

    def _marks(self, db: Transaction) -> _Marks | None:
        t = db.tables.notifications
        row = db.row(t.select().where(t.c.key == _KEY))
        return _Marks(**row["marks"]) if row else None

    def _mark(self, db: Transaction, marks: _Marks) -> None:
        t = db.tables.notifications
        kept = {name: getattr(marks, name) for name in _Marks.__struct_fields__}
        db.execute(t.delete().where(t.c.key == _KEY))
        db.execute(t.insert().values(key=_KEY, marks=kept))

    def _present(self, db: Transaction) -> _Marks:
        from sqlalchemy import func, select

        tables = db.tables

        def last(table: Any) -> int:
            return int(db.execute(select(func.max(table.c.number))).scalar_one() or 0)

        return _Marks(last(tables.approvals), last(tables.freezes), last(tables.activity), self._clock() - _LAG_SECONDS)

    def _found(self, db: Transaction, marks: _Marks) -> tuple[list[News], _Marks]:
        latest = replace(self._present(db), until=max(marks.until, self._clock() - _LAG_SECONDS))
        news = [*self._approvals(db, marks, latest), *self._freezes(db, marks, latest)]
        return [*news, *self._effects(db, marks)], latest

    def _approvals(self, db: Transaction, marks: _Marks, latest: _Marks) -> Iterator[News]:
        t = db.tables.approvals
        waits = (t.c.state == ApprovalState.PENDING) & (t.c.created > self._clock() - PENDING_SECONDS)
        for row in db.rows(t.select().where((t.c.number > marks.approval) & waits).limit(_MOST_ROWS)):
            effects = ", ".join(row["effects"] or ()) or "unknown effects"
            yield _of_approval(row, "asked", f"Request {row['number']} waits for an approval: {effects}.")
        decided = (t.c.decided > marks.until) & (t.c.decided <= latest.until)
        for row in db.rows(t.select().where(decided & (t.c.state != ApprovalState.EXPIRED)).limit(_MOST_ROWS)):
            said = "denied" if row["state"] == ApprovalState.DENIED else "approved"
            by = f"by {row['decided_by']}"
            yield _of_approval(row, "decided", f"Request {row['number']} was {said}.", by)
        ran_out = (t.c.created > marks.until - PENDING_SECONDS) & (t.c.created <= latest.until - PENDING_SECONDS)
        for row in db.rows(t.select().where(ran_out & t.c.decided.is_(None)).limit(_MOST_ROWS)):
            yield _of_approval(row, "ran out", f"Request {row['number']} ran out: nobody decided within an hour.")

    def _freezes(self, db: Transaction, marks: _Marks, latest: _Marks) -> Iterator[News]:
        t = db.tables.freezes
        for row in db.rows(t.select().where(t.c.number > marks.freeze).limit(_MOST_ROWS)):
            by = one_line(f"by {row['by']}" + (f": {row['reason']}" if row["reason"] else ""))
            yield News(kind="freeze", said="All writes are frozen.", detail=by)
        ended = (t.c.ended > marks.until) & (t.c.ended <= latest.until)
        by_itself = t.c.ended.is_(None) & (t.c.until > marks.until) & (t.c.until <= latest.until)
        for row in db.rows(t.select().where(ended | by_itself).limit(_MOST_ROWS)):
            if db.row(t.select().where((t.c.number > row["number"]) & (t.c.since == row["ended"]))) is None:
                by = one_line(f"by {row['ended_by']}") if row["ended_by"] else "the freeze ran out"
                yield News(kind="freeze", said="Writes are allowed again.", detail=by)

    def _effects(self, db: Transaction, marks: _Marks) -> Iterator[News]:
        """Calls that destroyed or interrupted something, all in one piece of news."""
        t = db.tables.activity
        new = (t.c.number > max(marks.activity, self._looked)) & (t.c.event == "outcome") & (t.c.result == "ok")
        counted: Counter[str] = Counter()
        calls: list[str] = []
        for row in db.rows(t.select().where(new & (t.c.method != "GET")).order_by(t.c.number).limit(_MOST_ROWS)):
            if told := [effect for effect in TOLD_EFFECTS if effect in (row["effects"] or ())]:
                counted.update(told)
                calls.append(f"{row['method']} {one_line(row['path'])} by {one_line(row['caller'])}")
        if calls:
            figures = ", ".join(f"{effect} {count}" for effect, count in counted.items())
            said = f"{len(calls)} {'call was' if len(calls) == 1 else 'calls were'} made that may hurt: {figures}."
            yield News(kind="effects", said=said, page="activity", detail=_bounded("\n".join(calls)))


def _of_approval(row: dict[str, Any], kind: str, said: str, by: str = "") -> News:
    """With detail: who asked for what, without what the code of the call holds."""
    statement = (row["details"] or {}).get("redacted") or row["statement"]
    caller = one_line(f"{by} for {row['caller']}" if by else f"for {row['caller']}")
    detail = caller if kind == "decided" else f"{caller}:\n{statement}"
    return News(kind=kind, said=said, page=f"approvals/{row['number']}", detail=_bounded(detail))


def _bounded(text: str) -> str:
    return text if len(text) <= _LONGEST_DETAIL else f"{text[:_LONGEST_DETAIL]}… (the console shows all)"
