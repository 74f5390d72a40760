"""Plans as they are kept: what was stated, how far each was carried out. Secrets are not kept.

Every change of state is on the disk before what it says is begun, so that a plan that was cut off tells which step
may have been sent.
"""

from __future__ import annotations

import functools
import os
import socket
import time
import uuid
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from proxmox_mcp.confirm.confirmations import LIFETIME_SECONDS
from proxmox_mcp.errors import ConfirmationError, TargetError
from proxmox_mcp.gateway.guest_command import CARRIERS, command_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from proxmox_mcp.store import Store, Transaction

_DAY = 86_400.0
BEAT_SECONDS = 2.0
_SILENT_SECONDS = 20.0
"""After so long without a sign of the server that carries a plan out, it is taken for gone."""
_HOST = socket.gethostname().replace(":", "-")


class PlanState(StrEnum):
    """``STATED``: nothing was sent, it waits for a confirmation. ``CUT_OFF``: its server ended while it ran."""

    STATED = "stated"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"
    CUT_OFF = "cut off"


class StepState(StrEnum):
    """``UNKNOWN``: it may have been sent, and how it ended is not known."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"


class StepRecord(Struct, frozen=True, kw_only=True):
    """One step. ``command`` is what it runs in a guest, if anything. ``said`` is the first line of its answer, all of
    its error, or an excerpt of its output; ``change`` the number of its change, if any."""

    number: int
    method: str
    path: str
    state: StepState
    command: str = ""
    change: int | None = None
    said: str = ""

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


class PlanRecord(Struct, frozen=True, kw_only=True):
    """One plan. Times are seconds since 1970; ``given`` is what it was made of, None where that holds secrets."""

    number: int
    created: float
    started: float | None
    finished: float | None
    state: PlanState
    caller: str
    client: str
    cluster: str
    summary: str
    statement: str
    confirmation: str
    on_error: str
    undo_of: str
    stop_requested: bool
    stopped_by: str
    given: Mapping[str, Any] | None
    steps: tuple[StepRecord, ...]

    @property
    def runs(self) -> bool:
        return self.state is PlanState.RUNNING

    def in_state(self, *states: StepState) -> tuple[StepRecord, ...]:
        return tuple(step for step in self.steps if step.state in states)


class StatedPlan(Struct, frozen=True, kw_only=True):
    """What is kept of a plan when it is stated. ``binding`` identifies what was given, ``identifiers`` were allocated
    for it, in order."""

    caller: str
    client: str
    cluster: str
    summary: str
    statement: str
    binding: str
    on_error: str
    undo_of: str
    given: Mapping[str, Any] | None
    identifiers: Sequence[str]
    steps: Sequence[Mapping[str, Any]]


class PlanRecords:
    """The plans of all processes of one store. Every method uses the store: call it off the event loop."""

    def __init__(self, store: Store, *, keep_days: float, clock: Callable[[], float] = time.time) -> None:
        self.store, self._clock, self._keep = store, clock, keep_days * _DAY
        self.owner = f"{_HOST}:{os.getpid()}:{_this_process()}"

    def find_stated(self, caller: str, binding: str) -> tuple[int, tuple[str, ...]] | None:
        """The plan that the same caller stated of the same steps and that still waits: its number and identifiers."""
        with self.store.reading() as db:
            t = db.tables.plans
            rows = db.rows(
                t.select()
                .where((t.c.caller == caller) & (t.c.binding == binding) & (t.c.state == str(PlanState.STATED)))
                .where(t.c.created > self._clock() - LIFETIME_SECONDS)
                .order_by(t.c.number.desc())
                .limit(1)
            )
        return (int(rows[0]["number"]), tuple(rows[0]["identifiers"] or ())) if rows else None

    def state(self, plan: StatedPlan, number: int | None = None) -> int:
        """Keep a plan that was stated, in place of ``number`` where it was stated before; gives its number."""
        values = {
            "created": self._clock(),
            "state": str(PlanState.STATED),
            "caller": plan.caller,
            "client": plan.client,
            "cluster": plan.cluster,
            "summary": plan.summary,
            "statement": plan.statement,
            "binding": plan.binding,
            "on_error": plan.on_error,
            "undo_of": plan.undo_of,
            "given": plan.given,
            "identifiers": list(plan.identifiers),
        }
        with self.store.transaction() as db:
            self._forget(db)
            t, steps = db.tables.plans, db.tables.plan_steps
            if number is None:
                number = db.insert(t, **values)
            else:
                found = db.execute(
                    t.update().where((t.c.number == number) & (t.c.state == str(PlanState.STATED))).values(**values)
                )
                if not found.rowcount:
                    raise _begun(number)
                db.execute(steps.delete().where(steps.c.plan == number))
            for place, step in enumerate(plan.steps, 1):
                waiting = {"plan": number, "step": place, "state": str(StepState.WAITING), **step}
                db.execute(steps.insert().values(**waiting))
        return number

    def begin(self, number: int, confirmation: str) -> None:
        """A plan is carried out from now on, by this process. Raises ConfirmationError where it was begun already."""
        now = self._clock()
        with self.store.transaction() as db:
            t = db.tables.plans
            begun = db.execute(
                t.update()
                .where((t.c.number == number) & (t.c.state == str(PlanState.STATED)))
                .values(
                    state=str(PlanState.RUNNING), started=now, seen=now, owner=self.owner, confirmation=confirmation
                )
            )
            if not begun.rowcount:
                raise _begun(number)

    def step(self, number: int, step: int, state: StepState, said: str = "", change: int | None = None) -> None:
        """How far a step is: on the disk when this returns."""
        with self.store.transaction() as db:
            t = db.tables.plan_steps
            db.execute(
                t.update()
                .where((t.c.plan == number) & (t.c.step == step))
                .values(state=str(state), message=said, change=change)
            )

    def beat(self, number: int) -> str:
        """Say that this process still carries a plan out. Gives who asked to stop it, empty where nobody did."""
        with self.store.transaction() as db:
            t = db.tables.plans
            db.execute(t.update().where(t.c.number == number).values(seen=self._clock()))
            row = db.row(t.select().where(t.c.number == number))
        return str(row["stopped_by"] or "somebody") if row is not None and row["stop_requested"] else ""

    def end(self, number: int, state: PlanState, stopped_by: str = "") -> None:
        """A plan has ended. A step that runs by then is of unknown outcome."""
        with self.store.transaction() as db:
            t, steps = db.tables.plans, db.tables.plan_steps
            ended = {
                "state": str(state),
                "finished": self._clock(),
                **({"stopped_by": stopped_by} if stopped_by else {}),
            }
            db.execute(t.update().where(t.c.number == number).values(**ended))
            running = (steps.c.plan == number) & (steps.c.state == str(StepState.RUNNING))
            db.execute(steps.update().where(running).values(state=str(StepState.UNKNOWN)))

    def request_stop(self, number: int, by: str) -> bool:
        """The process that carries a plan out, this one or another, ends it after the running step. False if it does
        not run (any more), its process is gone, or there is no such plan."""
        with self.store.transaction() as db:
            t = db.tables.plans
            runs = (t.c.number == number) & (t.c.state == str(PlanState.RUNNING))
            row = db.row(t.select().where(runs))
            if row is None or self._is_gone(row):
                return False
            return bool(db.execute(t.update().where(runs).values(stop_requested=True, stopped_by=by)).rowcount)

    def get(self, number: int, caller: str) -> PlanRecord:
        """One plan of a caller as it is now. Raises TargetError where the caller has none of that number.

        A plan whose server is gone is marked as cut off: nothing resumes it.
        """
        with self.store.reading() as db:
            t, steps = db.tables.plans, db.tables.plan_steps
            row = db.row(t.select().where((t.c.number == number) & (t.c.caller == caller)))
            of_steps = db.rows(steps.select().where(steps.c.plan == number).order_by(steps.c.step))
            changes = db.rows(db.tables.changes.select().where(db.tables.changes.c.plan == number))
        if row is None:
            raise TargetError(f"You have no plan {number}.", "Give the number that proxmox_api_plan told.")
        if row["state"] == PlanState.RUNNING and self._is_gone(row):
            self.end(number, PlanState.CUT_OFF)
            return self.get(number, caller)
        return _record(row, of_steps, {change["step"]: change["number"] for change in changes})

    def running(self) -> list[PlanRecord]:
        """The plans of all callers that are being carried out, newest first."""
        with self.store.reading() as db:
            t = db.tables.plans
            rows = db.rows(t.select().where(t.c.state == str(PlanState.RUNNING)).order_by(t.c.number.desc()))
        plans = [self.get(row["number"], row["caller"]) for row in rows]
        return [plan for plan in plans if plan.runs]

    def _is_gone(self, row: Mapping[str, Any]) -> bool:
        """Whether the process that carries a plan out has ended: known at once on the same machine."""
        host, process, own = str(row["owner"]).split(":")
        if host == _HOST and own != _this_process() and (int(process) == os.getpid() or not _is_alive(int(process))):
            return True
        return self._clock() - float(row["seen"] or 0) > _SILENT_SECONDS

    def _forget(self, db: Transaction) -> None:
        """Delete what is older than MCP_CHANGES_KEEP, and what was stated and never confirmed after a day."""
        t, steps = db.tables.plans, db.tables.plan_steps
        now = self._clock()
        stale = (t.c.state == str(PlanState.STATED)) & (t.c.created < now - _DAY)
        old = (t.c.created < now - self._keep) & (t.c.state != str(PlanState.RUNNING))
        numbers = [row["number"] for row in db.rows(t.select().where(stale | old).limit(100))]
        if numbers:
            db.execute(steps.delete().where(steps.c.plan.in_(numbers)))
            db.execute(t.delete().where(t.c.number.in_(numbers)))


@functools.cache
def _this_process() -> str:
    """Tells this process from an earlier one with the same number, as in a container that was started again, and from
    one that it was forked from: it is made when it is first asked for."""
    return uuid.uuid4().hex


def _is_alive(process: int) -> bool:
    """Whether a process runs; where that can't be asked without harm (Windows: signal 0 is Ctrl+C) it may."""
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _begun(number: int) -> ConfirmationError:
    return ConfirmationError(f"plan {number} was begun already", f"See how far it is: proxmox_api_plan plan={number}")


def _record(row: Mapping[str, Any], steps: Sequence[Mapping[str, Any]], changes: Mapping[int, int]) -> PlanRecord:
    """``changes``: the numbers of the changes on record, by step; also of a step that failed."""
    taken = {name: row[name] for name in PlanRecord.__struct_fields__ if name in row}
    of_steps = tuple(
        StepRecord(
            number=int(step["step"]),
            method=step["method"],
            path=step["path"],
            state=StepState(step["state"]),
            command=command_in(step["data"] or {}) if step["template"] in CARRIERS.values() else "",
            change=step["change"] or changes.get(step["step"]),
            said=step["message"] or "",
        )
        for step in steps
    )
    return PlanRecord(**{**taken, "state": PlanState(row["state"]), "steps": of_steps})
