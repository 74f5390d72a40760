"""What pages show of each cluster, read once a minute at most, however many people look."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Generic, TypeVar

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

KEPT_SECONDS = 60.0
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
