"""How much one caller may ask for: calls in a minute, and calls at the same time."""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TYPE_CHECKING, Protocol

from proxmox_mcp.errors import RateLimitError
from proxmox_mcp.policy.caller import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox_mcp.policy.caller import Caller

WINDOW_SECONDS = 60.0


class RateLimits(Protocol):
    """Counts calls by the caller's name, in the process (``ProcessLimits``) or for all replicas (``SharedLimits``)."""

    def call(self, caller: Caller) -> AbstractAsyncContextManager[None]:
        """Around one call. Raises ``RateLimitError`` where the caller is over a limit, ``GuardError`` where the count
        can't be had."""
        ...

    def waiting(self, caller: Caller) -> AbstractAsyncContextManager[None]:
        """Within ``call``, around a wait for a person: meanwhile the call counts as none that runs. It goes on
        afterwards, whatever runs by then."""
        ...

    async def keep(self) -> None:
        """Whatever has to go on beside the server; may return at once."""
        ...

    @property
    def fault(self) -> str:
        """Why calls can't be counted now; empty where they can."""
        ...


def limits_of(caller: Caller, default: Limits) -> Limits:
    """A caller's own limits hold, else the default; 0 means no limit."""
    if not (caller.limits.calls_per_minute or caller.limits.concurrent):
        return default
    return Limits(
        calls_per_minute=caller.limits.calls_per_minute or default.calls_per_minute,
        concurrent=caller.limits.concurrent or default.concurrent,
    )


def too_many_running(running: int) -> RateLimitError:
    return RateLimitError(f"{running} of your calls are running, the most allowed", "Wait for one to end.")


def too_many_recent(per_minute: int, wait: float) -> RateLimitError:
    return RateLimitError(f"more than {per_minute} calls within a minute", f"Try again in {int(wait) + 1} s.")


class _Around(AbstractAsyncContextManager[None]):
    """A block with something before it and after it. Around each call, where a generator took 3 µs and this takes 1."""

    def __init__(self, before: Callable[[], None], after: Callable[[], None]) -> None:
        self._before, self._after = before, after

    async def __aenter__(self) -> None:
        self._before()

    async def __aexit__(self, *_: object) -> None:
        self._after()


class ProcessLimits:
    """The counts of one process. Safe for threads."""

    fault = ""

    def __init__(self, default: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._default, self._clock = default, clock
        self._lock = threading.Lock()
        self._recent: dict[str, deque[float]] = {}
        self._running: dict[str, int] = {}

    def call(self, caller: Caller) -> AbstractAsyncContextManager[None]:
        return _Around(partial(self._enter, caller), partial(self._count, caller, -1))

    def waiting(self, caller: Caller) -> AbstractAsyncContextManager[None]:
        return _Around(partial(self._count, caller, -1), partial(self._count, caller, 1))

    async def keep(self) -> None:
        """There is nothing to keep."""

    def _count(self, caller: Caller, more: int) -> None:
        with self._lock:
            self._running[caller.name] += more

    def _enter(self, caller: Caller) -> None:
        name, limits = caller.name, limits_of(caller, self._default)
        with self._lock:
            running = self._running.get(name, 0)
            if limits.concurrent and running >= limits.concurrent:
                raise too_many_running(running)
            if limits.calls_per_minute:
                self._enter_recent(name, limits.calls_per_minute)
            self._running[name] = running + 1

    def _enter_recent(self, name: str, per_minute: int) -> None:
        recent, now = self._recent.setdefault(name, deque()), self._clock()
        while recent and recent[0] <= now - WINDOW_SECONDS:
            recent.popleft()
        if len(recent) >= per_minute:
            raise too_many_recent(per_minute, recent[0] + WINDOW_SECONDS - now)
        recent.append(now)
