"""One command at a time in each container: its terminal is one session for everybody."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

import anyio

from proxmox_mcp.errors import GuestSessionError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager


class GuestLocks(Protocol):
    """Holds one guest for the length of a block; among replicas where they share a store."""

    def hold(self, guest: str, seconds: float) -> AbstractAsyncContextManager[None]:
        """Wait for ``guest`` (a key, such as ``prod/lxc/105``) for so long. Raises GuestSessionError."""
        ...


class LocalLocks:
    """The locks of one process."""

    def __init__(self) -> None:
        self._locks: dict[str, tuple[anyio.Semaphore, int]] = {}

    @asynccontextmanager
    async def hold(self, guest: str, seconds: float) -> AsyncIterator[None]:
        lock, users = self._locks.get(guest, (anyio.Semaphore(1), 0))
        self._locks[guest] = lock, users + 1
        try:
            with anyio.move_on_after(seconds) as waiting:
                await lock.acquire()
            if waiting.cancelled_caught:
                raise busy()
            try:
                yield
            finally:
                lock.release()
        finally:
            lock, users = self._locks.pop(guest)
            if users > 1:
                self._locks[guest] = lock, users - 1


def busy() -> GuestSessionError:
    """The error if another command runs in the guest."""
    return GuestSessionError(
        "Another command runs in this container, and one runs at a time. Nothing was run.",
        "Try again when it has ended.",
    )
