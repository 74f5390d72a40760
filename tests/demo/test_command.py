"""``proxmox-mcp demo`` leaves nothing behind: no process, no directory, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from forked import COMMAND
from patience import PATIENCE, until
from serving import environment
from terminals import open_terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")

IN_ITS_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)


class Demo:
    """A demo that runs in a terminal of its own. Its temporary directory marks all its processes, which inherit it."""

    def __init__(self, directory: Path) -> None:
        self.temporary = directory / "temporary"
        self.temporary.mkdir()
        self.terminal, inner = open_terminal()
        self.process = subprocess.Popen(
            [sys.executable, "-c", IN_ITS_TERMINAL, *COMMAND, "demo"],
            env=environment(directory, TMPDIR=str(self.temporary)),
            stdin=inner,
            stdout=inner,
            stderr=inner,
            start_new_session=True,
        )
        os.close(inner)
        self.told = ""

    def read_until(self, text: str) -> None:
        while text not in self.told:
            self.told += os.read(self.terminal, 4096).decode(errors="replace")

    def close_terminal(self) -> None:
        if self.terminal >= 0:
            os.close(self.terminal)
            self.terminal = -1

    def processes(self) -> list[str]:
        """The command lines of all processes of this demo that live."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if str(self.temporary).encode() in (entry / "environ").read_bytes():
                    found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:  # it is not a process, or has ended
                continue
        return [each for each in found if each]

    def told_of(self) -> str:
        return f"an end of {self.processes()}"


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    started = Demo(tmp_path)
    try:
        yield started
    finally:
        started.process.kill()
        started.process.wait()
        started.close_terminal()


def kill(number: int) -> Callable[[Demo], None]:
    return lambda demo: demo.process.send_signal(number)


def interrupt(demo: Demo) -> None:
    """As Ctrl-C does: the terminal sends it to all processes in its foreground."""
    os.write(demo.terminal, b"\x03")


ENDS = {
    "the terminal closes": Demo.close_terminal,
    "SIGTERM": kill(signal.SIGTERM),
    "SIGKILL": kill(signal.SIGKILL),
    "Ctrl-C": interrupt,
}


some_ends = pytest.mark.parametrize(
    "how",
    [
        "SIGKILL",
        *(pytest.param(how, marks=pytest.mark.slow) for how in ("the terminal closes", "SIGTERM", "Ctrl-C")),
    ],
)


@some_ends
def test_while_it_serves_it_ends_with_its_children_and_leaves_no_directory(how: str, demo: Demo) -> None:
    demo.read_until("✓")
    assert len(demo.processes()) == 3
    assert list(demo.temporary.iterdir())
    ENDS[how](demo)
    demo.process.wait(PATIENCE)
    until(lambda: not demo.processes(), demo.told_of)
    assert list(demo.temporary.iterdir()) == []


@some_ends
def test_while_it_starts_too(how: str, demo: Demo) -> None:
    until(lambda: len(demo.processes()) > 1, lambda: "its other process")
    ENDS[how](demo)
    demo.process.wait(PATIENCE)
    until(lambda: not demo.processes(), demo.told_of)
    assert list(demo.temporary.iterdir()) == []
