"""What is told while a command takes its time: to clients that follow progress, so that they don't give up."""

# Tested through tests/guests/test_container_exec.py and tests/guests/test_agent_exec.py.

from __future__ import annotations

from collections.abc import Awaitable, Callable

TELL_SECONDS = 5.0
"""Between two messages."""

Tell = Callable[[str], Awaitable[None]]


async def tell_nobody(_: str) -> None:
    """For where nobody listens."""


def running(seconds: float, read: int | None = None) -> str:
    """A command that runs: for how long, and how many bytes it has put out where that is known before its end."""
    out = "" if read is None else f", {read:,} bytes of output so far"
    return f"the command has run for {seconds:.0f} s{out}"
