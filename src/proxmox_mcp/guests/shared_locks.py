"""One command at a time in each container among all replicas, in the store that they share.

A lock is a key with a random value and a lease, renewed while the command runs: when a replica dies its lock ends with
the lease. Where the store can't be reached nothing is run (``SharedState.ask`` raises GuardError).
"""

from __future__ import annotations

import logging
import secrets
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from proxmox_mcp.errors import GuardError
from proxmox_mcp.guests.locks import LocalLocks, busy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from proxmox_mcp.store.valkey import SharedState

LEASE_SECONDS, RENEW_SECONDS = 30.0, 8.0
LOOK_SECONDS = 0.25
_LOG = logging.getLogger("proxmox_mcp.guests")
_RENEW = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0"
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class SharedLocks:
    """The locks of all replicas (``GuestLocks``). Within one process they wait for each other in turn."""

    def __init__(self, state: SharedState, *, lease: float = LEASE_SECONDS, renew: float = RENEW_SECONDS) -> None:
        self._state, self._lease, self._renew = state, str(int(lease * 1000)), renew
        self._local = LocalLocks()

    @asynccontextmanager
    async def hold(self, guest: str, seconds: float) -> AsyncIterator[None]:
        key, value = f"proxmox-mcp:guest:{guest}", secrets.token_hex(16)
        over = time.monotonic() + seconds
        async with self._local.hold(guest, seconds):
            while not await self._in_thread("SET", key, value, "NX", "PX", self._lease):
                if time.monotonic() >= over:
                    raise busy()
                await anyio.sleep(LOOK_SECONDS)
            failure: Exception | None = None
            try:
                async with anyio.create_task_group() as group:
                    group.start_soon(self._keep, key, value)
                    try:
                        yield
                    except Exception as error:  # noqa: BLE001 - a task group would wrap it
                        failure = error
                    group.cancel_scope.cancel()
                if failure is not None:
                    raise failure
            finally:
                with anyio.CancelScope(shield=True):
                    await self._release(key, value)

    async def _keep(self, key: str, value: str) -> None:
        while True:
            await anyio.sleep(self._renew)
            try:
                await self._in_thread("EVAL", _RENEW, "1", key, value, self._lease)
            except GuardError as error:
                _LOG.warning("the lock of a guest was not renewed: %s", error.message)

    async def _release(self, key: str, value: str) -> None:
        try:
            await self._in_thread("EVAL", _RELEASE, "1", key, value)
        except GuardError as error:
            _LOG.info("the lock of a guest ends with its lease: %s", error.message)

    async def _in_thread(self, *command: str) -> Any:
        def ask(store: Any) -> Any:
            return store.execute_command(*command)

        return await anyio.to_thread.run_sync(lambda: self._state.ask(ask))
