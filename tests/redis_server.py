"""A real Valkey or Redis server on loopback, as a process of its own."""

from __future__ import annotations

import socket
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from patience import PATIENCE, until
from serving import free_port
from tools import needs, required

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STORES = ("valkey-server", "redis-server")
PASSWORD = "a-password-of-the-store"

needs_redis = needs(*STORES)


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
        options = {"bind": "127.0.0.1", "port": self.port, "dir": self.directory, "requirepass": PASSWORD}
        command = [required(*STORES), *(part for name, value in options.items() for part in (f"--{name}", str(value)))]
        self.process = subprocess.Popen([*command, "--save", "", "--loglevel", "warning"], stdout=subprocess.DEVNULL)
        until(self._listens, lambda: "the store")

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(PATIENCE)
            self.process = None

    def _listens(self) -> bool:
        assert self.process
        assert self.process.poll() is None, "the store has ended"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@contextmanager
def redis_server(directory: Path) -> Iterator[RedisServer]:
    """A store for the length of a block."""
    server = RedisServer(directory, free_port())
    server.start()
    try:
        yield server
    finally:
        server.stop()
