"""Processes that start with all imports done: a start of a server takes a third of the processor's time.

They are forks of one process for each process of pytest (``forking``). A command starts as its users start it where
the system has no messages between processes that stay whole, where a setting is for the interpreter itself, and in
``scripts/test --all``, which sets ``FRESH_PROCESSES``.
"""

from __future__ import annotations

import array
import atexit
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING

import proxmox_mcp
from patience import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SOURCE = str(Path(proxmox_mcp.__file__).parents[1])
COMMAND = [sys.executable, "-m", "proxmox_mcp"]
_FOR_THE_INTERPRETER = ("PYTHON", "MALLOC_", "LD_")


def start(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    output: IO[bytes],
    errors: IO[bytes],
    given: IO[bytes] | None = None,
) -> subprocess.Popen[bytes] | Forked:
    """Start a command of ours that reads what it is ``given``, or nothing, and writes to these files."""
    if _is_fresh(environment):
        return subprocess.Popen(
            [*COMMAND, *arguments], env=environment, stdin=given or subprocess.DEVNULL, stdout=output, stderr=errors
        )
    with Path(os.devnull).open("rb") as nothing:
        return _forking().start(arguments, environment, [given or nothing, output, errors])


def _is_fresh(environment: Mapping[str, str]) -> bool:
    for_the_interpreter = [name for name in environment if name.startswith(_FOR_THE_INTERPRETER)]
    return (
        bool(os.environ.get("FRESH_PROCESSES"))
        or not sys.platform.startswith("linux")
        or for_the_interpreter != ["PYTHONPATH"]
    )


class Forked:
    """A process that was forked for a command."""

    def __init__(self, pid: int, forking: _Forking) -> None:
        self.pid = pid
        self._forking = forking
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit status, as ``subprocess`` has it; None while it runs."""
        if self.returncode is None:
            self.returncode = self._forking.status_of(self.pid)
        return self.returncode

    def wait(self, timeout: float = PATIENCE) -> int:
        """Its exit status, once it has ended. As everything that tests wait for, it gets ``PATIENCE``."""
        assert timeout == PATIENCE
        until(lambda: self.poll() is not None, lambda: f"the end of process {self.pid}")
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class _Forking:
    """The process that forks the others, for as long as pytest runs."""

    def __init__(self) -> None:
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        program = Path(__file__).with_name("forking.py")
        self._process = subprocess.Popen(
            [sys.executable, "-P", program, str(theirs.fileno())],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": SOURCE},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
        theirs.close()
        self._lock = threading.Lock()
        self._ended: dict[int, int] = {}
        atexit.register(self._end)

    def start(self, arguments: Sequence[str], environment: Mapping[str, str], files: Sequence[IO[bytes]]) -> Forked:
        """``files``: the standard input, output and error."""
        command = {"arguments": list(arguments), "environment": dict(environment), "directory": str(Path.cwd())}
        with self._lock:
            descriptors = array.array("i", [file.fileno() for file in files])
            self._channel.sendmsg([json.dumps(command).encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)])
            while not (told := self._receive()).get("started"):
                pass
            return Forked(told["started"], self)

    def status_of(self, pid: int) -> int | None:
        with self._lock:
            while pid not in self._ended and select.select([self._channel], [], [], 0)[0]:
                self._receive()
            return self._ended.pop(pid, None)

    def _receive(self) -> dict[str, int]:
        message = self._channel.recv(1000)
        assert message, "the process that forks others has ended"
        told: dict[str, int] = json.loads(message)
        if "ended" in told:
            self._ended[told["ended"]] = told["status"]
        return told

    def _end(self) -> None:
        self._channel.close()
        self._process.wait(PATIENCE)


@functools.cache
def _forking() -> _Forking:
    return _Forking()
