"""How tests wait and measure. No test depends on wall time: a busy machine makes everything take longer.

``PATIENCE`` is the one bound, and only a hang reaches it. That something does not wait is shown by what came first (the
thing that it must not wait for still goes on), or takes ``PATIENCE`` where ``Watch.soon`` is asked. That something is
cheap is shown by the processor's time, with room for a slow processor.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import anyio
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 60.0
"""Seconds."""
_PAUSE = 0.02


def from_now(seconds: float) -> float:
    """A deadline as the code under test takes it (monotonic)."""
    return time.monotonic() + seconds


def until(true: Callable[[], object], what: Callable[[], str] = str) -> None:
    """Wait for what other threads and processes do. ``what`` tells what is seen instead where it never comes."""
    end = from_now(PATIENCE)
    while not true():
        if time.monotonic() > end:
            pytest.fail(f"{what() or 'it'} has not come in {PATIENCE:g} s")
        time.sleep(_PAUSE)


async def eventually(true: Callable[[], object], what: Callable[[], str] = str) -> None:
    """``until``, for a test whose event loop has to go on."""
    end = from_now(PATIENCE)
    while not true():
        if time.monotonic() > end:
            pytest.fail(f"{what() or 'it'} has not come in {PATIENCE:g} s")
        await anyio.sleep(_PAUSE)


class Watch:
    """The time since it was made."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    @property
    def soon(self) -> bool:
        """Whether nobody can have waited for something that takes ``PATIENCE``."""
        return self.seconds < PATIENCE / 2


def processor_seconds(work: Callable[[], object]) -> float:
    """What some work takes of the processor in this thread, however many others share it."""
    began = time.thread_time()
    work()
    return time.thread_time() - began
