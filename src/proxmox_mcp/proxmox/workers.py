"""Blocking exchanges in worker threads, which end when nobody waits for them any more.

A thread can't be killed. When its call is cancelled, its connection is shut down instead, which ends whatever it waits
for. Its place counts as taken until it has really ended, so that the number of threads is bounded.
"""

# Tested through tests/proxmox/test_client.py and tests/proxmox/test_shares.py.

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Generic, TypeVar

import anyio
import anyio.to_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox_mcp.net.deadline import AbortHandle
    from proxmox_mcp.proxmox.shares import Shares

T = TypeVar("T")


async def in_worker(do: Callable[[], T], abort: AbortHandle, shares: Shares, owner: str) -> T:
    """Run ``do`` in a thread, on a place that was taken for ``owner`` and is given back when the thread is done.

    When cancelled, it aborts the requests that ``do`` makes, and returns at once.
    """
    work = _Work(do, abort, shares, owner)
    # The places are the bound; anyio's own would be free again while an abandoned thread still runs.
    unbounded = anyio.CapacityLimiter(math.inf)
    try:
        return await anyio.to_thread.run_sync(work.run, abandon_on_cancel=True, limiter=unbounded)
    except anyio.get_cancelled_exc_class():
        work.drop()
        raise


class _Work(Generic[T]):
    """Done by a thread, or dropped before any thread began it; its place is given back once in both cases."""

    def __init__(self, do: Callable[[], T], abort: AbortHandle, shares: Shares, owner: str) -> None:
        self._do, self._abort, self._shares, self._owner = do, abort, shares, owner
        self._lock = threading.Lock()
        self._begun = self._dropped = False

    def run(self) -> T:
        with self._lock:
            if self._dropped:
                raise TimeoutError
            self._begun = True
        try:
            return self._do()
        finally:
            self._shares.give_back(self._owner)

    def drop(self) -> None:
        """Nobody waits for it any more."""
        with self._lock:
            self._dropped = True
        if self._begun:
            self._abort.abort()
        else:
            self._shares.give_back(self._owner)
