"""Waiting for tasks to end, by their status and log.

All waits for one task share what they read: the first wait that finds a request due makes it, the others use its
result. So nothing runs in the background, and a cancelled wait affects neither the task nor the other waits.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

import anyio
from msgspec import Struct, field

from proxmox_mcp.errors import (
    AnswerError,
    DeadlineError,
    InvalidCallError,
    NodeUnreachableError,
    ProxmoxError,
    UnreachableError,
)
from proxmox_mcp.proxmox.progress import fraction, last_words
from proxmox_mcp.proxmox.task_log import TaskLog
from proxmox_mcp.proxmox.upid import Upid, parse_upid

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from proxmox_mcp.apidoc.model import Wire
    from proxmox_mcp.proxmox.access import Reader
    from proxmox_mcp.proxmox.answers import Answer
    from proxmox_mcp.proxmox.guest_results import GuestResult

    OnProgress = Callable[["TaskProgress"], Awaitable[None]]

FIRST_PAUSE, LONGEST_PAUSE, BACKOFF = 0.2, 2.0, 1.5
PAGE = 2000
PAGES_AT_ONCE = 10
_LOOK_DEADLINE = 20.0
LAST_LOOK = 3.0
"""Seconds that the last request of a wait may take beyond the end of the wait."""
_MOST_LEFT = 20
_AWAY = (UnreachableError, NodeUnreachableError, DeadlineError, AnswerError)

State = Literal["ok", "warnings", "failed", "running"]


class TaskProgress(Struct, frozen=True):
    """The progress of a task: ``fraction`` from 0 to 1 if its log says it, ``line`` the last line of the log."""

    upid: str
    fraction: float | None
    line: str


class TaskOutcome(Struct, frozen=True, kw_only=True):
    """How a task ended, or its progress when the wait was over (``running``).

    ``exit_status`` is Proxmox's own (``OK``, ``WARNINGS: 2``, or the error), empty while it runs. ``seconds`` is how
    long it took, None where that isn't known. ``tail`` are the last lines of the log; ``errors`` and ``warnings`` those
    that tell of one, anywhere in the log (``errors_left_out`` of the first are not among them); ``archives`` those that
    a backup wrote; ``guests`` what the log of a task for many tells of each. ``away`` says why the node did not answer
    the last request, empty if it did.
    """

    upid: str
    state: State
    exit_status: str = ""
    seconds: float | None = None
    fraction: float | None = None
    last_line: str = ""
    tail: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    errors_left_out: int = 0
    warnings: tuple[str, ...] = ()
    archives: tuple[str, ...] = ()
    guests: tuple[GuestResult, ...] = ()
    away: str = ""

    @property
    def task(self) -> Upid:
        """The UPID in its parts."""
        return _named(self.upid)


class _Watch(Struct):
    """All that is known of one task, shared by the waits for it."""

    upid: str
    began: float
    log: TaskLog
    path: str = ""
    due: float = 0.0
    pause: float = FIRST_PAUSE
    read: int = 0
    looks: int = 0
    waiting: int = 0
    seen_running: bool = False
    ended_after: float | None = None
    exit_status: str | None = None
    away: str = ""
    failure: ProxmoxError | None = None
    turn: anyio.Lock = field(default_factory=anyio.Lock)

    @property
    def over(self) -> bool:
        return self.exit_status is not None or self.failure is not None


class TaskWatcher:
    """Waits for the tasks of one cluster."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._watches: dict[str, _Watch] = {}
        self.left: deque[str] = deque(maxlen=_MOST_LEFT)
        """The tasks that ran on when a wait for them was cancelled, the last at the end."""

    async def wait(
        self,
        upid: str,
        within: float | None = None,
        on_progress: OnProgress | None = None,
        *,
        started: float | None = None,
    ) -> TaskOutcome:
        """Follow a task until it ends or ``within`` seconds are over (0: one look; None: as long as it takes).

        ``started`` is the monotonic time at which the call was sent that started it: it makes ``seconds`` exact.
        If the node goes down in between, the wait continues. Raises ``InvalidCallError`` for what is not a UPID, and
        ``ProxmoxError`` if Proxmox refuses (no such task, missing privilege).
        """
        watch = self._join(upid, started)
        end = None if within is None else time.monotonic() + within
        try:
            with anyio.move_on_after(None if within is None else within + LAST_LOOK):
                await self._follow(watch, end, on_progress)
        except anyio.get_cancelled_exc_class():
            if not watch.over:
                self.left.append(upid)
            raise
        finally:
            self._leave(watch)
        return _outcome(watch)

    async def wait_all(
        self,
        upids: Sequence[str],
        within: float | None = None,
        on_progress: OnProgress | None = None,
        *,
        started: float | None = None,
    ) -> list[TaskOutcome]:
        """Follow several tasks together; outcomes in the order of ``upids``. Raises as ``wait`` does."""
        outcomes: dict[str, TaskOutcome] = {}

        async def follow(upid: str) -> None:
            outcomes[upid] = await self.wait(upid, within, on_progress, started=started)

        first: BaseException | None = None
        try:
            async with anyio.create_task_group() as group:
                for upid in dict.fromkeys(upids):
                    group.start_soon(follow, upid)
        except* ProxmoxError as failures:
            first = failures.exceptions[0]
        if first is not None:  # raised within except*, it would come in a group again before Python 3.11.4
            raise first from None
        return [outcomes[upid] for upid in upids]

    async def _follow(self, watch: _Watch, end: float | None, on_progress: OnProgress | None) -> None:
        told: TaskProgress | None = None
        while True:
            await self._look(watch, end)
            if watch.failure is not None:
                raise watch.failure.fresh()
            progress = TaskProgress(watch.upid, fraction(watch.log.tail), last_words(watch.log.tail))
            if on_progress is not None and progress.line and progress != told:
                told = progress
                await on_progress(progress)
            if watch.over or (end is not None and time.monotonic() >= end):
                return

    def _join(self, upid: str, started: float | None) -> _Watch:
        named = _named(upid)
        watch = self._watches.get(upid)
        if watch is None:
            began = _begun(named) if started is None else started
            watch = _Watch(upid, began=began, log=TaskLog(named.type))
            watch.path = f"/nodes/{quote(named.node, safe='')}/tasks/{quote(upid, safe='')}"
            watch.seen_running = started is not None
            self._watches[upid] = watch
        watch.waiting += 1
        return watch

    def _leave(self, watch: _Watch) -> None:
        watch.waiting -= 1
        if not watch.waiting:
            self._watches.pop(watch.upid, None)

    async def _look(self, watch: _Watch, end: float | None) -> None:
        """Read the task's state when that is due, or use what another wait read in the meantime."""
        looks = watch.looks
        if watch.looks:
            until = watch.due if end is None else min(watch.due, end)
            await anyio.sleep(max(until - time.monotonic(), 0))
            if end is not None and end < watch.due:
                return
        async with watch.turn:
            if watch.over or watch.looks != looks:
                return
            try:
                await self._read(watch)
                watch.away = ""
            except _AWAY as away:
                watch.away = away.message
            except ProxmoxError as refusal:
                watch.failure = refusal.fresh()
            watch.looks += 1
            watch.pause = min(watch.pause * BACKOFF, LONGEST_PAUSE) if watch.looks > 1 else FIRST_PAUSE
            watch.due = time.monotonic() + watch.pause

    async def _read(self, watch: _Watch) -> None:
        # The status first: a log that is read after the task's end is complete.
        status = await self._get(f"{watch.path}/status")
        state: dict[str, Any] = status.data if isinstance(status.data, dict) else {}
        ended = state.get("status") == "stopped"
        watch.seen_running = watch.seen_running or not ended
        if ended and watch.ended_after is None and watch.seen_running:
            watch.ended_after = time.monotonic() - watch.began
        await self._read_log(watch)
        if ended:
            watch.exit_status = str(state.get("exitstatus") or "unexpected status")

    async def _read_log(self, watch: _Watch) -> None:
        for _ in range(PAGES_AT_ONCE):
            page = await self._get(f"{watch.path}/log", {"start": str(watch.read), "limit": str(PAGE)})
            lines = [str(row.get("t", "")) for row in page.data or [] if isinstance(row, dict)]
            if lines == ["no content"]:
                return
            watch.read += len(lines)
            watch.log.add(lines)
            if len(lines) < PAGE:
                return

    async def _get(self, path: str, params: Wire | None = None) -> Answer:
        return await self._reader.read(path, params, deadline=_LOOK_DEADLINE)


def _begun(task: Upid) -> float:
    """When a task that somebody else started began, on our monotonic clock, as if the node's wall clock were ours."""
    return time.monotonic() - max(time.time() - task.starttime, 0.0)


def _named(upid: str) -> Upid:
    named = parse_upid(upid)
    if named is None:
        raise InvalidCallError(
            f"{upid!r} is not a task id.",
            "Give the whole UPID, from UPID: to the last colon, as the call that started the task answered it.",
        )
    return named


def _outcome(watch: _Watch) -> TaskOutcome:
    log = watch.log
    exit_status = watch.exit_status or ""
    state: State = "running"
    if exit_status == "OK":
        state = "ok"
    elif exit_status.startswith("WARNINGS"):
        state = "warnings"
    elif exit_status:
        state = "failed"
    return TaskOutcome(
        upid=watch.upid,
        state=state,
        exit_status=exit_status,
        seconds=watch.ended_after if exit_status else time.monotonic() - watch.began,
        fraction=fraction(log.tail),
        last_line=last_words(log.tail),
        tail=tuple(log.tail),
        errors=log.errors,
        errors_left_out=log.errors_left_out,
        warnings=tuple(log.warnings),
        archives=tuple(log.archives),
        guests=log.guests,
        away=watch.away,
    )
