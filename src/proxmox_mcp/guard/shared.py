"""What replicas share, in a Valkey or Redis server (6.2 or later): confirmations used once, calls counted together.

Nothing fails open: where the store can't be reached no confirmation is taken or given, and no call that would have to
be counted is made. Each says so, and the next call tries again. What is kept there are hashes and counts, no secret;
but whoever can write to the store can confirm calls, so it needs a password and a network of its own.
"""

from __future__ import annotations

import logging
import secrets
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import anyio.to_thread

from proxmox_mcp.errors import GuardError, SettingsError
from proxmox_mcp.guard.limits import WINDOW_SECONDS, limits_of, too_many_recent, too_many_running
from proxmox_mcp.installation import install_command

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from redis import Redis

    from proxmox_mcp.guard.caller import Caller, Limits

T = TypeVar("T")

PREFIX = "proxmox-mcp"
CONNECT_SECONDS, ANSWER_SECONDS = 1.0, 2.0
LOOK_SECONDS = 5.0
"""How often the store is looked at beside the calls; that renews what runs here."""
LEASE_SECONDS = 30.0
"""How long a running call counts when its process has died: several looks."""
_FORMS = "It takes redis://[:password@]host[:port][/number], rediss:// with TLS, or unix:///path."
_THREADS = 16
_LOG = logging.getLogger("proxmox_mcp.guard")

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


class SharedState:
    """The store behind ``MCP_STATE_URL``. Safe for threads; connects at the first use."""

    def __init__(self, url: str) -> None:
        """Raises ``SettingsError`` for a URL that is none, or where the client for it is not installed."""
        try:
            from redis import Redis
            from redis.backoff import NoBackoff
            from redis.exceptions import RedisError
            from redis.retry import Retry
        except ImportError as missing:
            raise SettingsError(
                "MCP_STATE_URL needs the client for Valkey and Redis, which is not installed.",
                f"Install it with:\n  {install_command('replicas')}",
            ) from missing
        if url.startswith("valkey"):
            url = "redis" + url.removeprefix("valkey")
        try:
            self._client: Redis = Redis.from_url(
                url,
                socket_connect_timeout=CONNECT_SECONDS,
                socket_timeout=ANSWER_SECONDS,
                retry=Retry(NoBackoff(), 0),
                decode_responses=True,
                protocol=2,
            )
        except (ValueError, TypeError, RedisError):
            raise SettingsError("MCP_STATE_URL is not the URL of a Valkey or Redis server.", _FORMS) from None
        self._failures: tuple[type[Exception], ...] = (RedisError, OSError)
        self.fault = ""

    def ask(self, do: Callable[[Redis], T]) -> T:
        """Do one thing in the store. Raises ``GuardError`` where it can't be done; the log says more than the error."""
        try:
            done = do(self._client)
        except self._failures as error:
            if not self.fault:
                _LOG.error("the state that replicas share (MCP_STATE_URL) can't be reached: %s", error)
            self.fault = f"the state that replicas share can't be reached ({type(error).__name__})"
            raise GuardError(
                self.fault, "Nothing was sent. Try again in a moment; the operator must see to MCP_STATE_URL."
            ) from error
        if self.fault:
            _LOG.info("the state that replicas share (MCP_STATE_URL) is there again")
            self.fault = ""
        return done

    def close(self) -> None:
        """Close the connections that are open; the next use opens new ones."""
        self._client.close()


class SharedConfirmations:
    """Tokens of all replicas (``confirm.ConfirmationStore``): one take of each succeeds, wherever it is made."""

    def __init__(self, state: SharedState) -> None:
        self._state = state

    def issue(self, key: str, sealed: str, seconds: float, owner: str) -> None:  # noqa: ARG002
        """Nobody has a share to keep to here: each token goes by its time, and calls in a minute are limited."""
        self._state.ask(lambda store: store.set(_confirmation(key), sealed, px=int(seconds * 1000)))

    def take(self, key: str) -> str | None:
        taken: Any = self._state.ask(lambda store: store.getdel(_confirmation(key)))
        return str(taken) if taken is not None else None


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
        try:
            yield
        finally:
            self._running[caller.name].discard(ticket)
            with anyio.CancelScope(shield=True):
                await self._leave(caller.name, ticket)

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

    def _renew(self) -> None:
        self._state.ask(lambda store: store.ping())
        for name, tickets in list(self._running.items()):
            if held := list(tickets):
                self._state.ask(
                    lambda store, name=name, held=held: store.eval(  # type: ignore[misc]
                        _RENEW, 1, _running(name), str(LEASE_SECONDS), *held
                    )
                )

    async def _in_thread(self, do: Callable[[], T]) -> T:
        if self._threads is None:
            self._threads = anyio.CapacityLimiter(_THREADS)
        return await anyio.to_thread.run_sync(do, limiter=self._threads)


def _confirmation(key: str) -> str:
    return f"{PREFIX}:confirmation:{key}"


def _recent(name: str) -> str:
    return f"{PREFIX}:{{{name}}}:recent"


def _running(name: str) -> str:
    return f"{PREFIX}:{{{name}}}:running"
