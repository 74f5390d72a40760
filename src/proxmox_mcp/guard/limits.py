"""How much one caller may ask for: calls in a minute, and calls at the same time."""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

from proxmox_mcp.errors import RateLimitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from proxmox_mcp.guard.caller import Caller, Limits

_WINDOW_SECONDS = 60.0


class RateLimits:
    """Counts by the caller's name. A caller's own limits hold, else ``default``; 0 is no limit. Safe for threads."""

    def __init__(self, default: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._default, self._clock = default, clock
        self._lock = threading.Lock()
        self._recent: dict[str, deque[float]] = {}
        self._running: dict[str, int] = {}

    @contextmanager
    def call(self, caller: Caller) -> Iterator[None]:
        """Around one call. Raises ``RateLimitError`` where the caller is over a limit."""
        self._enter(caller)
        try:
            yield
        finally:
            with self._lock:
                self._running[caller.name] -= 1

    def _enter(self, caller: Caller) -> None:
        per_minute = caller.limits.calls_per_minute or self._default.calls_per_minute
        concurrent = caller.limits.concurrent or self._default.concurrent
        with self._lock:
            running = self._running.get(caller.name, 0)
            if concurrent and running >= concurrent:
                raise RateLimitError(f"{running} of your calls are running, the most allowed", "Wait for one to end.")
            recent = self._recent.setdefault(caller.name, deque())
            now = self._clock()
            while recent and recent[0] <= now - _WINDOW_SECONDS:
                recent.popleft()
            if per_minute and len(recent) >= per_minute:
                wait = int(recent[0] + _WINDOW_SECONDS - now) + 1
                raise RateLimitError(f"more than {per_minute} calls within a minute", f"Try again in {wait} s.")
            if per_minute:
                recent.append(now)
            self._running[caller.name] = running + 1
