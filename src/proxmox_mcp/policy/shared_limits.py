"""The limits of all replicas together, counted in the store that they share (``store.valkey``)."""

from __future__ import annotations

import logging
import secrets
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import anyio.to_thread

from proxmox_mcp.errors import GuardError
from proxmox_mcp.policy.limits import WINDOW_SECONDS, limits_of, too_many_recent, too_many_running
from proxmox_mcp.store.valkey import PREFIX

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from proxmox_mcp.policy.caller import Caller, Limits
    from proxmox_mcp.store.valkey import SharedState

T = TypeVar("T")

LOOK_SECONDS = 5.0
"""How often the store is looked at beside the calls; that renews what runs here."""
LEASE_SECONDS = 30.0
"""How long a running call counts when its process has died: several looks."""
_THREADS = 16
_LOG = logging.getLogger("proxmox_mcp.policy")
_TICKET: ContextVar[str] = ContextVar("ticket", default="")
"""What the call of this task is counted by."""

_ENTER = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local per_minute, concurrent, window, lease = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
local running = redis.call('ZCARD', KEYS[2])
if concurrent > 0 and running >= concurrent then return {'running', tostring(running)} end
if per_minute > 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
  if redis.call('ZCARD', KEYS[1]) >= per_minute then
    local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
    return {'recent', tostring(oldest + window - now)}
  end
  redis.call('ZADD', KEYS[1], now, ARGV[1])
  redis.call('PEXPIRE', KEYS[1], math.ceil(window * 1000))
end
if concurrent > 0 then
  redis.call('ZADD', KEYS[2], now + lease, ARGV[1])
  redis.call('PEXPIRE', KEYS[2], math.ceil(lease * 1000))
end
return {'in', ''}
"""
_RENEW = """
local time = redis.call('TIME')
local lease = tonumber(ARGV[1])
for i = 2, #ARGV do
  redis.call('ZADD', KEYS[1], time[1] + time[2] / 1000000 + lease, ARGV[i])
end
redis.call('PEXPIRE', KEYS[1], math.ceil(lease * 1000))
"""


class SharedLimits:
    """Counts of all replicas (``limits.RateLimits``), by the store's own clock.

    A call that runs holds a lease that ``keep`` renews: when a replica dies its calls count for ``LEASE_SECONDS`` more.
    """

    def __init__(self, state: SharedState, default: Limits) -> None:
        self._state, self._default = state, default
        self._running: dict[str, set[str]] = {}
        self._threads: anyio.CapacityLimiter | None = None

    @property
    def fault(self) -> str:
        return self._state.fault

    @asynccontextmanager
    async def call(self, caller: Caller) -> AsyncIterator[None]:
        limits = limits_of(caller, self._default)
        if limits.calls_per_minute == limits.concurrent == 0:
            yield
            return
        ticket = secrets.token_hex(8)
        await self._in_thread(lambda: self._enter(caller.name, limits, ticket))
        if limits.concurrent == 0:
            yield
            return
        self._running.setdefault(caller.name, set()).add(ticket)
        outer = _TICKET.set(ticket)
        try:
            yield
        finally:
            _TICKET.reset(outer)
            self._running[caller.name].discard(ticket)
            with anyio.CancelScope(shield=True):
                await self._leave(caller.name, ticket)

    @asynccontextmanager
    async def waiting(self, caller: Caller) -> AsyncIterator[None]:
        ticket = _TICKET.get()
        if not ticket:  # Nothing is counted of this caller.
            yield
            return
        self._running[caller.name].discard(ticket)
        await self._leave(caller.name, ticket)
        try:
            yield
        finally:
            self._running[caller.name].add(ticket)
            with anyio.CancelScope(shield=True):
                await self._come_back(caller.name, ticket)

    async def keep(self) -> None:
        """Look at the store now and then, and renew the leases of what runs. Never returns, never raises GuardError."""
        try:
            while True:
                try:
                    await self._in_thread(self._renew)
                except GuardError as error:
                    _LOG.debug("%s", error)
                await anyio.sleep(LOOK_SECONDS)
        finally:
            self._state.close()

    def _enter(self, name: str, limits: Limits, ticket: str) -> None:
        counted = [ticket, limits.calls_per_minute, limits.concurrent, WINDOW_SECONDS, LEASE_SECONDS]
        answer: Any = self._state.ask(
            lambda store: store.eval(_ENTER, 2, _recent(name), _running(name), *map(str, counted))
        )
        verdict, figure = answer
        if verdict == "running":
            raise too_many_running(int(figure))
        if verdict == "recent":
            raise too_many_recent(limits.calls_per_minute, float(figure))

    async def _leave(self, name: str, ticket: str) -> None:
        try:
            await self._in_thread(lambda: self._state.ask(lambda store: store.zrem(_running(name), ticket)))
        except GuardError as error:
            _LOG.info("a call that ended counts for %g s more: %s", LEASE_SECONDS, error.message)

    async def _come_back(self, name: str, ticket: str) -> None:
        try:
            await self._in_thread(lambda: self._lease(name, [ticket]))
        except GuardError as error:
            _LOG.info("a call that goes on is not counted yet: %s", error.message)

    def _renew(self) -> None:
        self._state.ask(lambda store: store.ping())
        for name, tickets in list(self._running.items()):
            if held := list(tickets):
                self._lease(name, held)

    def _lease(self, name: str, tickets: list[str]) -> None:
        self._state.ask(lambda store: store.eval(_RENEW, 1, _running(name), str(LEASE_SECONDS), *tickets))

    async def _in_thread(self, do: Callable[[], T]) -> T:
        if self._threads is None:
            self._threads = anyio.CapacityLimiter(_THREADS)
        return await anyio.to_thread.run_sync(do, limiter=self._threads)


def _recent(name: str) -> str:
    return f"{PREFIX}:{{{name}}}:recent"


def _running(name: str) -> str:
    return f"{PREFIX}:{{{name}}}:running"
