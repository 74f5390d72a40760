"""Waits for a person's decision on a request: at most so long, without holding anything that others need.

A decision in this process wakes the call at once. One of another process (the command line, a replica) is seen at the
next look at the store.
"""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import anyio

from proxmox_mcp.confirm.approvals import Approval, ApprovalState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from proxmox_mcp.confirm.approvals import Approvals
    from proxmox_mcp.policy.call import Call
    from proxmox_mcp.store import Store

LOOK_SECONDS = 1.0
"""Between two looks at the store: one read by its key each."""
_TELL_SECONDS = 5.0
"""Between two messages of progress: clients that give up on a silent call do so after half a minute or later."""
_MOST_OF_CALLER = 20
"""Calls of one caller that wait at the same time: they count as no running calls, so they have a limit of their own."""

_Waiter = tuple[asyncio.AbstractEventLoop, asyncio.Event]


class Waiting:
    """The calls of this process that wait for a person. ``seconds``: the longest that one waits; 0: none does."""

    def __init__(self, approvals: Approvals, store: Store, seconds: float) -> None:
        self._approvals, self._store, self._seconds = approvals, store, seconds
        self._waiters: dict[int, list[_Waiter]] = {}
        self._of_caller: dict[str, int] = {}
        self._lock = threading.Lock()  # Decisions come from the threads of the console.
        approvals.when_decided(self._wake)

    @property
    def waits(self) -> bool:
        """Whether calls wait at all."""
        return self._seconds > 0

    async def decision(self, number: int, call: Call, tell: Callable[[], Awaitable[None]]) -> Approval:
        """The request of this call as soon as it is decided, or as it is when the time is over.

        ``tell`` is called now and then meanwhile. Cancelled, it leaves the request as it is. Raises ConfirmationError
        where the call has no request of that number, StoreError where the store can't be read.
        """
        until, told = float("inf"), float("-inf")
        with self._woken_by(number) as decided, self._counted(call.caller.name) as may_wait:
            while True:
                decided.clear()
                approval = await self._store.in_thread(self._approvals.of_call, number, call)
                now = time.monotonic()
                until = min(until, now + self._seconds)  # From the first look on: a slow store takes none of the time.
                if approval.state is not ApprovalState.PENDING or not may_wait or now >= until:
                    return approval
                if now - told >= _TELL_SECONDS:
                    await tell()
                    told = now
                with anyio.move_on_after(min(LOOK_SECONDS, until - now)):
                    await decided.wait()

    @contextmanager
    def _woken_by(self, number: int) -> Iterator[asyncio.Event]:
        """An event that is set when the request is decided in this process."""
        waiter = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._waiters.setdefault(number, []).append(waiter)
        try:
            yield waiter[1]
        finally:
            with self._lock:
                self._waiters[number].remove(waiter)
                if not self._waiters[number]:
                    del self._waiters[number]

    @contextmanager
    def _counted(self, caller: str) -> Iterator[bool]:
        """Whether one more call of the caller may wait."""
        waiting = self._of_caller.get(caller, 0)
        self._of_caller[caller] = waiting + 1
        try:
            yield waiting < _MOST_OF_CALLER
        finally:
            self._of_caller[caller] -= 1
            if not self._of_caller[caller]:
                del self._of_caller[caller]

    def _wake(self, approval: Approval) -> None:
        """Called in the thread of who decided."""
        with self._lock:
            waiters = list(self._waiters.get(approval.number, ()))
        for loop, decided in waiters:
            with suppress(RuntimeError):  # The loop has ended, and the call with it.
                loop.call_soon_threadsafe(decided.set)
