"""Processes that end together: the command of the demo, its cluster and its server.

The command gives each child a pipe as its standard input. It closes when the command ends, however that happens:
also by SIGKILL, which no process can answer. The children don't belong to the command's terminal, so that Ctrl-C and a
closed terminal reach the command alone, which ends them in order.
"""

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
_TOLD_TO_END = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name))
"""What a system sends to end a program: SIGHUP when its terminal closes, SIGBREAK for the same on Windows."""


def start_child(module: str, *arguments: str, **options: Any) -> subprocess.Popen[Any]:
    """Start ``python -m module`` as a child that can see whether this process is alive: see ``when_parent_ends``."""
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, **options)


def end_child(child: subprocess.Popen[Any]) -> None:
    """Close its standard input, which tells it to end; kill it where that does not help."""
    try:
        child.communicate(timeout=_END_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()


def when_parent_ends(act: Callable[[], object]) -> None:
    """In a child: call ``act``, in a thread of its own, once the process that started it has ended or says so.

    It is called until this process ends, once a second: a signal that comes while its handler is being set is lost.
    """
    threading.Thread(target=_watch, args=(act,), name="parent", daemon=True).start()


def _watch(act: Callable[[], object]) -> None:
    # Not by sys.stdin: a thread that waits in its buffer keeps the interpreter from ending.
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
def unwinding_when_told_to_end() -> Iterator[None]:
    """While this lasts, a signal to end leaves all ``with`` blocks in order, with the exit status of a shell.

    A signal that was ignored at the start stays ignored (``nohup``).
    """
    before = {number: signal.getsignal(number) for number in _TOLD_TO_END}
    obeyed = [number for number in _TOLD_TO_END if before[number] is not signal.SIG_IGN]

    def unwind(number: int, _: object) -> None:
        for each in obeyed:
            signal.signal(each, signal.SIG_IGN)
        sys.exit(128 + number)

    for number in obeyed:
        signal.signal(number, unwind)
    try:
        yield
    finally:
        for number in obeyed:
            signal.signal(number, before[number])
