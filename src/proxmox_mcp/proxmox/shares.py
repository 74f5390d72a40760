"""Places on the way to one cluster, shared out so that a caller who asks for much keeps nobody else waiting.

A caller may hold as many places as are still free (dynamic thresholds, as switches share their buffers: Choudhury and
Hahne, 1998). One alone gets half of all, two get a third each, and there is always room for one who comes anew.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio.lowlevel

if TYPE_CHECKING:
    from collections.abc import Iterator

_owner: ContextVar[str] = ContextVar("owner", default="")


@contextmanager
def on_behalf_of(owner: str) -> Iterator[None]:
    """Within the block calls take places as this owner's; outside of any they are the server's own."""
    token = _owner.set(owner)
    try:
        yield
    finally:
        _owner.reset(token)


def owner() -> str:
    """For whom this context calls."""
    return _owner.get()


@dataclass(eq=False, slots=True)
class _Waiting:
    owner: str
    order: int
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    called: asyncio.Event = field(default_factory=asyncio.Event)
    served: bool = False

    def serve(self) -> None:
        self.served = True
        with suppress(RuntimeError):  # Its loop has ended, and with it whoever waited.
            self.loop.call_soon_threadsafe(self.called.set)


class Shares:
    """So many places. They are taken from event loops and given back from any thread."""

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
        """Wait for a place. Being called off while waiting takes none."""
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
        """Free a place; whoever waits for one and holds fewest is next, among equals who waits longest."""
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
