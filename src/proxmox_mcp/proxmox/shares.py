"""Places for concurrent requests to one cluster, shared so that a busy caller keeps nobody else waiting.

A caller may hold as many places as are still free (dynamic thresholds, as switches share their buffers: Choudhury and
Hahne, 1998). A single caller gets half of them, two get a third each, and there is always room for a new caller.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING

import anyio.lowlevel
from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Iterator

_owner: ContextVar[str] = ContextVar("owner", default="")


@contextmanager
def on_behalf_of(owner: str) -> Iterator[None]:
    """Calls within the block take places for this owner; other calls are the server's own."""
    token = _owner.set(owner)
    try:
        yield
    finally:
        _owner.reset(token)


def owner() -> str:
    """The caller on whose behalf this context makes calls."""
    return _owner.get()


class _Waiting(Struct, eq=False):
    owner: str
    order: int
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    called: asyncio.Event = field(default_factory=asyncio.Event)
    served: bool = False

    def serve(self) -> None:
        self.served = True
        with suppress(RuntimeError):  # Its event loop has ended, and so has the waiting task.
            self.loop.call_soon_threadsafe(self.called.set)


class Shares:
    """``size`` places, taken from event loops and given back from any thread."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()
        self._waiting: list[_Waiting] = []
        self._order = 0

    @property
    def held(self) -> int:
        """How many places are taken."""
        return self._held.total()

    async def take(self, owner: str) -> None:
        """Wait for a place. If the wait is cancelled, no place is taken."""
        await anyio.lowlevel.checkpoint()
        with self._lock:
            if self._may_have(owner):
                self._held[owner] += 1
                return
            self._order += 1
            waiting = _Waiting(owner, self._order)
            self._waiting.append(waiting)
        try:
            await waiting.called.wait()
        except BaseException:
            with self._lock:
                if not waiting.served:
                    self._waiting.remove(waiting)
            if waiting.served:
                self.give_back(owner)
            raise

    def give_back(self, owner: str) -> None:
        """Free a place. Next is the owner with the fewest places; among equals the one that waits longest."""
        with self._lock:
            self._held[owner] -= 1
            if not self._held[owner]:
                del self._held[owner]
            for waiting in sorted(self._waiting, key=lambda each: (self._held[each.owner], each.order)):
                if self._may_have(waiting.owner):
                    self._held[waiting.owner] += 1
                    self._waiting.remove(waiting)
                    waiting.serve()

    def _may_have(self, owner: str) -> bool:
        return self._held[owner] < self._size - self._held.total()
