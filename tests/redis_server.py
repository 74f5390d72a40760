"""A real Valkey or Redis server on loopback, as a process of its own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAM = shutil.which("valkey-server") or shutil.which("redis-server")
PASSWORD = "a-password-of-the-store"
_START_SECONDS = 10.0

needs_redis = pytest.mark.skipif(
    PROGRAM is None, reason="neither valkey-server nor redis-server is installed (Debian: apt-get install redis-server)"
)


@dataclass
class RedisServer:
    """A store that asks for a password and writes nothing to the disk. It can be ended and started again, empty."""

    directory: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        assert PROGRAM
        options = {"bind": "127.0.0.1", "port": self.port, "dir": self.directory, "requirepass": PASSWORD}
        command = [PROGRAM, *(part for name, value in options.items() for part in (f"--{name}", str(value)))]
        self.process = subprocess.Popen([*command, "--save", "", "--loglevel", "warning"], stdout=subprocess.DEVNULL)
        until = time.monotonic() + _START_SECONDS
        while not _listens(self.port):
            assert self.process.poll() is None, "the store has ended"
            assert time.monotonic() < until, "the store does not come up"
            time.sleep(0.02)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def redis_server(directory: Path) -> Iterator[RedisServer]:
    """A store for the length of a block."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    server = RedisServer(directory, port)
    server.start()
    try:
        yield server
    finally:
        server.stop()
