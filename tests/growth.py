"""How the work of a function grows with its input: eight times the input may cost at most three times as much more.

Processor time of this thread is compared with itself, never with a clock's bound: linear work costs 8 times as much,
the square 64 times, and the limit lies at 24. What looks too steep is measured again, so that a cold cache or a busy
machine can't fail a test; sizes rise step by step, so that a square is told before it takes long.
"""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FACTOR = 8
STEEPEST = 24
_NOTICEABLE = 0.003
"""Seconds; what costs less at its largest proves nothing, and harms nobody."""
_LONG = 1.5
_TRIES = 10

_TINY = (8, 14, 18, 20, 22, 24, 26, 32, 64, 180, 500)
"""Sizes at which exponential growth shows, and can still be waited for."""
USUAL = (2_000, 16_000)
WHOLE_MEGABYTE = (16_000, 128_000, 1_024_000)
SHORT = (1_000, 8_000)


def steepest(work: Callable[[int], Callable[[], object]], sizes: Sequence[int] = WHOLE_MEGABYTE) -> str:
    """What grows faster than its input, empty where nothing does. ``work(size)`` prepares a call on such an input."""
    for size in _TINY:
        if _seconds(work(size)) > _LONG and _seconds(work(size)) > _LONG:
            return f"{size}: more than {_LONG} s"
    before = 0.0
    for size in sizes:
        now = _seconds(work(size))
        if before and _is_steep(before, now):
            for _ in range(_TRIES):
                before, now = max(before, _seconds(work(size // FACTOR))), min(now, _seconds(work(size)))
                if not _is_steep(before, now):
                    break
            else:
                return f"{size // FACTOR}: {before:.3f} s, {size}: {now:.3f} s, {now / before:.0f} times as much"
        before = max(now, 1e-6)
    return ""


def _is_steep(before: float, now: float) -> bool:
    return now > _NOTICEABLE and now > STEEPEST * before


def _seconds(call: Callable[[], object]) -> float:
    gc.collect(0)
    enabled = gc.isenabled()
    gc.disable()
    try:
        started = time.thread_time()
        call()
        return time.thread_time() - started
    finally:
        if enabled:
            gc.enable()
