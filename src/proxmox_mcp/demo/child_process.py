"""Processes that end together: the demo command, its cluster and its server.

The command gives other child a pipe as standard input. The system closes it when the command ends in any way, also by
SIGKILL, which no handler can catch. The children have their own session, so that Ctrl-C and a closed terminal reach
only the command, which ends them in order.
"""

# Tested through tests/demo/test_command.py.

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_END_SECONDS = 10.0
_END_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name))
"""Signals that end a program: SIGHUP when its terminal closes, SIGBREAK for the same on Windows."""


def start_child(module: str, *arguments: str, **options: Any) -> subprocess.Popen[Any]:
    """Start ``python -m module`` as a child that notices the end of this process: see ``when_parent_ends``."""
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, **options)


def end_child(child: subprocess.Popen[Any]) -> None:
    """Close its standard input, which tells it to end; kill it if it does not."""
    try:
        child.communicate(timeout=_END_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()


def when_parent_ends(act: Callable[[], object]) -> None:
    """In a child: call ``act`` in a new thread when the process that started it ends, or closes the pipe.

    ``act`` is called every second until this process ends: a signal that arrives before its handler is set is lost.
    """
    threading.Thread(target=_watch, args=(act,), name="parent", daemon=True).start()


def _watch(act: Callable[[], object]) -> None:
    # Not sys.stdin: a thread that waits in its buffer holds the lock of it, and the interpreter can't finalize.
    while _read_input():
        pass
    while True:
        act()
        time.sleep(1)


def _read_input() -> bytes:
    try:
        return os.read(0, 4096)
    except OSError:
        return b""


@contextmanager
def exiting_on_signals() -> Iterator[None]:
    """Within the block, a signal to end raises SystemExit (128 + number), so that all ``with`` blocks are left.

    A signal that was ignored at the start stays ignored (``nohup``).
    """
    before = {number: signal.getsignal(number) for number in _END_SIGNALS}
    handled = [number for number in _END_SIGNALS if before[number] is not signal.SIG_IGN]

    def exit_once(number: int, _: object) -> None:
        for other in handled:
            signal.signal(other, signal.SIG_IGN)
        sys.exit(128 + number)

    for number in handled:
        signal.signal(number, exit_once)
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, before[number])
