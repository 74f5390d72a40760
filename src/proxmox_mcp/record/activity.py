"""The last calls of all processes of a store, for people who look: the audit log's lines in a bounded table.

The audit log is the record; this is a copy that may lack lines. It is written behind the calls, many lines at a time,
so that no call waits for it.
"""

from __future__ import annotations

import atexit
import json
import re
import threading
from collections import deque
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import Struct

from proxmox_mcp.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxmox_mcp.store import Store, Transaction

KEPT = 20_000
"""Rows: at 1,000 calls a minute the last 20 minutes, in a quiet house the last weeks."""
_PRUNED_EVERY = 500
MOST_WAITING = 5000
"""Lines that wait to be written; of more the oldest are left out."""
PAUSE = 0.3
"""Seconds in which lines gather before they are written together."""
RETRY = 2.0
"""Seconds before the next attempt while the store can't be used."""
_LONGEST_DATA = 8000
"""Characters of a call's parameters as JSON; the audit log has the whole."""
_GUEST = re.compile(r"/(?:qemu|lxc)/(\d{1,9})(?:/|$)")
BY_PERSON = "person"
"""In the place of the method: no call, but something that a person did, such as a freeze."""
RUNNING = "running"
"""The result of a call whose outcome is not known (yet)."""


class Activity(Struct, frozen=True, kw_only=True):
    """One call: an intent whose outcome is not known yet (``result`` is ``running``), or an outcome."""

    number: int
    time: float
    call_id: str
    caller: str
    client: str
    cluster: str
    tool: str
    method: str
    path: str
    guest: str
    effects: tuple[str, ...]
    decision: str
    rule: str
    confirmation: str
    result: str
    seconds: float | None
    message: str
    upids: tuple[str, ...]
    data: Any


class ActivityFilter(Struct, frozen=True, kw_only=True):
    """Which calls: empty fields take any. ``before`` is the number of a row that the rows must be older than."""

    caller: str = ""
    cluster: str = ""
    guest: str = ""
    effect: str = ""
    outcome: str = ""
    since: float | None = None
    writes: bool = False
    task: str = ""
    before: int | None = None


class _Writer(NamedTuple):
    """The thread that writes, and what ends it."""

    thread: threading.Thread
    stop: threading.Event


class ActivityLog:
    """Takes the audit log's lines (``note``), and reads what was written of them (``page``)."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lines: deque[Mapping[str, Any]] = deque(maxlen=MOST_WAITING)
        self._arrived = threading.Event()
        self._starting = threading.Lock()
        self._writer: _Writer | None = None
        self._since_pruned = _PRUNED_EVERY
        self._written = False

    def note(self, line: Mapping[str, Any]) -> None:
        """Take a line of the audit log. Returns at once; of too many that wait the oldest are left out."""
        with self._starting:
            self._lines.append(line)
            self._arrived.set()
            if self._writer is None:
                stop = threading.Event()
                thread = threading.Thread(target=self._write_on, args=(stop,), name="activity", daemon=True)
                self._writer = _Writer(thread, stop)
                thread.start()
                atexit.register(self.close)

    def close(self) -> None:
        """End the thread, after the lines of a command that ends; the next line begins another.

        Where the command only read, its lines aren't worth opening the store for (0.3 s).
        """
        atexit.unregister(self.close)
        with self._starting:
            writer, self._writer = self._writer, None
        if writer is None:
            return
        writer.stop.set()
        self._arrived.set()
        writer.thread.join()
        if self._written or any(line.get("event") == "intent" for line in tuple(self._lines)):
            self.flush()

    def flush(self) -> bool:
        """Write what waits; False if the store can't be used now: then the lines go on waiting."""
        lines: list[Mapping[str, Any]] = []
        with suppress(IndexError):  # Another thread may take some of them.
            while True:
                lines.append(self._lines.popleft())
        if not lines:
            return True
        try:
            with self._store.transaction() as db:
                _write(db, lines)
                if self._since_pruned + len(lines) >= _PRUNED_EVERY:
                    _prune(db)
        except StoreError:
            room = MOST_WAITING - len(self._lines)
            self._lines.extendleft(reversed(lines[-room:] if room else []))
            return False
        self._written = True
        pruned = self._since_pruned + len(lines) >= _PRUNED_EVERY
        self._since_pruned = 0 if pruned else self._since_pruned + len(lines)
        return True

    def page(self, wanted: ActivityFilter, most: int) -> list[Activity]:
        """Calls that fit, newest first. Raises StoreError."""
        with self._store.reading() as db:
            t = db.tables.activity
            query = t.select()
            for name in ("caller", "cluster", "guest"):
                if value := getattr(wanted, name):
                    query = query.where(t.c[name] == value)
            if wanted.outcome:
                query = query.where(_outcome(t.c.result, wanted.outcome))
            if wanted.since is not None:
                query = query.where(t.c.time >= wanted.since)
            if wanted.writes:
                query = query.where(t.c.method != "GET")
            if wanted.task:
                query = query.where(t.c.upid.contains(wanted.task, autoescape=True))
            if wanted.before is not None:
                query = query.where(t.c.number < wanted.before)
            if wanted.effect:
                # JSON text of a list of words: the quotes keep one word from being found within another.
                query = query.where(_as_text(t.c.effects).contains(f'"{wanted.effect}"', autoescape=True))
            return [_activity(row) for row in db.rows(query.order_by(t.c.number.desc()).limit(most))]

    def callers(self, since: float) -> list[dict[str, Any]]:
        """Who called since a time, most recently first: ``caller``, ``client``, ``calls``, ``last``."""
        from sqlalchemy import func, select

        with self._store.reading() as db:
            c = db.tables.activity.c
            last, calls = func.max(c.time).label("last"), func.count().label("calls")
            grouped = select(c.caller, func.max(c.client).label("client"), calls, last)
            grouped = grouped.where((c.time >= since) & (c.method != BY_PERSON))
            return db.rows(grouped.group_by(c.caller).order_by(last.desc()).limit(50))

    def names(self) -> list[str]:
        """The callers in the table, for a list to choose from."""
        from sqlalchemy import select

        with self._store.reading() as db:
            c = db.tables.activity.c
            return [str(row["caller"]) for row in db.rows(select(c.caller).distinct().order_by(c.caller).limit(200))]

    def _write_on(self, stop: threading.Event) -> None:
        while not stop.is_set():  # Asked after `clear`: `close` sets `stop` first.
            self._arrived.wait()
            if stop.wait(PAUSE):  # Lines of the next moment come along.
                return
            self._arrived.clear()
            if not self.flush():
                self._arrived.set()
                stop.wait(RETRY)


def _write(db: Transaction, lines: Sequence[Mapping[str, Any]]) -> None:
    """Add lines, with one statement of each kind for all of them.

    What is told later of a call (its tasks, its outcome) takes the place of what was told before.
    """
    rows: list[dict[str, Any]] = []
    begun: dict[tuple[str, str, str], dict[str, Any]] = {}
    earlier: list[dict[str, str]] = []
    for line in lines:
        event = line.get("event")
        if event not in ("intent", "tasks", "outcome"):
            rows.append(_row_of_act(line))
            continue
        row = _row_of_call(line) if event == "outcome" else {**_row_of_call(line), "result": RUNNING}
        call = (row["call_id"], row["method"], row["path"])
        if (known := begun.get(call)) is not None:
            known.update(row)
        else:
            rows.append(row)
            begun[call] = row
            if event != "intent" and row["method"] != "GET":  # A read is on record once, when it has ended.
                earlier.append(dict(zip(("its_id", "its_method", "its_path"), call, strict=True)))
        if event == "outcome":
            del begun[call]
    if earlier:
        _forget_running(db, earlier)
    db.execute_each(db.tables.activity.insert(), rows)


def _forget_running(db: Transaction, calls: Sequence[Mapping[str, str]]) -> None:
    """Delete what was told of these calls while they ran."""
    from sqlalchemy import bindparam

    t = db.tables.activity
    same = (t.c.call_id == bindparam("its_id")) & (t.c.method == bindparam("its_method"))
    same &= (t.c.path == bindparam("its_path")) & (t.c.result == RUNNING)
    db.execute_each(t.delete().where(same), calls)


def guest_in(path: str) -> str:
    """The number of the guest that a path of the API is below, empty where it is below no one guest."""
    found = _GUEST.search(path)
    return found[1] if found else ""


def _row_of_call(line: Mapping[str, Any]) -> dict[str, Any]:
    path = str(line.get("path", ""))
    return {
        **{name: str(line.get(name, "")) for name in _TEXTS},
        "time": _seconds(str(line.get("time", ""))),
        "call_id": str(line.get("id", "")),
        "path": path,
        "guest": guest_in(path),
        "effects": _effects(line),
        "seconds": line.get("seconds"),
        "data": _bounded(line.get("data")),
    }


def _row_of_act(line: Mapping[str, Any]) -> dict[str, Any]:
    """What a person did outside of any call: by whom in the place of the caller, what in the place of the path."""
    details = {name: value for name, value in line.items() if name not in ("time", "event", "by")}
    return {
        **dict.fromkeys((*_TEXTS, "call_id", "guest"), ""),
        "time": _seconds(str(line.get("time", ""))),
        "event": str(line.get("event", "")),
        "caller": str(line.get("by", "")),
        "method": BY_PERSON,
        "path": str(line.get("event", "")),
        "result": "ok",
        "effects": None,
        "seconds": None,
        "data": _bounded(details),
    }


_TEXTS = (
    "event", "caller", "client", "cluster", "tool", "method", "template", "decision", "rule", "confirmation", "result",
    "message", "upid",
)  # fmt: skip


def _effects(line: Mapping[str, Any]) -> Sequence[str]:
    """The effects of a call; one that was refused before it was judged has none."""
    return [str(each) for each in line.get("effects") or ()]


def _bounded(data: Any) -> Any:
    length = len(json.dumps(data)) if data else 0
    return data if length <= _LONGEST_DATA else {"…": f"{length:,} characters, in the audit log"}


def _prune(db: Transaction) -> None:
    from sqlalchemy import func, select

    t = db.tables.activity
    newest = db.execute(select(func.max(t.c.number))).scalar_one_or_none() or 0
    db.execute(t.delete().where(t.c.number <= newest - KEPT))


def _outcome(column: Any, outcome: str) -> Any:
    """``ok`` and ``running`` are results; ``refused`` is all that the guard or the check turned down, ``failed`` the
    rest; anything else is the code of an error."""
    turned_down = column.like("guard.%") | column.like("call.%") | (column == "unconfirmed")
    match outcome:
        case "refused":
            return turned_down
        case "failed":
            return ~turned_down & column.not_in(("ok", RUNNING, "dry-run"))
        case _:
            return column == outcome


def _as_text(column: Any) -> Any:
    from sqlalchemy import Text, cast

    return cast(column, Text)


def _seconds(written: str) -> float:
    try:
        return datetime.fromisoformat(written).timestamp()
    except ValueError:
        return 0.0


def _activity(row: Mapping[str, Any]) -> Activity:
    same = {name: row[name] for name in Activity.__struct_fields__ if name not in ("effects", "upids")}
    return Activity(**same, effects=tuple(row["effects"] or ()), upids=tuple(row["upid"].split()))
