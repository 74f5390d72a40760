"""What pages show is read or made once for all who look: for a minute, or as long as nothing has changed."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

import anyio
from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

KEPT_SECONDS = 60.0
_MOST_VIEWS = 32
T = TypeVar("T")


class Kept(Generic[T]):
    """One result for each cluster. Who asks while it is being read waits for that, and reads nothing."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._turns: dict[str, anyio.Lock] = {}
        self._found: dict[str, tuple[float, T]] = {}

    async def get(self, cluster: str, read: Callable[[], Awaitable[T]]) -> T:
        """What was read of a cluster, at most ``KEPT_SECONDS`` old."""
        async with self._turns.setdefault(cluster, anyio.Lock()):
            known = self._found.get(cluster)
            if known is not None and self._clock() - known[0] < KEPT_SECONDS:
                return known[1]
            found = await read()
            self._found[cluster] = (self._clock(), found)
            return found


class _Made(Struct, Generic[T]):
    results: list[T] = field(default_factory=list)
    mark: Hashable = None
    turn: anyio.Lock = field(default_factory=anyio.Lock)


class Shared(Generic[T]):
    """One result for each view, such as a filter, as long as its mark is the same.

    Browsers fetch a page again at the same moment (``live``), so all but one of them find it made.
    """

    def __init__(self) -> None:
        self._views: OrderedDict[Hashable, _Made[T]] = OrderedDict()

    async def get(self, view: Hashable, mark: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """What was made for a view. ``mark`` tells states of its content apart, and was read before this."""
        made = self._views.setdefault(view, _Made())
        self._views.move_to_end(view)
        while len(self._views) > _MOST_VIEWS:
            self._views.popitem(last=False)
        async with made.turn:
            if not made.results or made.mark != mark:
                made.results, made.mark = [await make()], mark
            return made.results[0]
