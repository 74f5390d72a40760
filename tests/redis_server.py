"""A real Valkey or Redis server on loopback, as a process of its own, and two replicas' views of it."""

from __future__ import annotations

import socket
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from patience import PATIENCE, until
from proxmox_mcp.store.valkey import SharedState
from serving import free_port
from tools import needs, required

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STORES = ("valkey-server", "redis-server")
PASSWORD = "a-password-of-the-store"

Replicas = tuple[SharedState, SharedState]

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


@pytest.fixture(scope="session")
def one_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A store for all tests of a process. A test that ends it may leave it so."""
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis(one_redis: RedisServer) -> RedisServer:
    """An empty store that is up."""
    if one_redis.process is None:
        one_redis.start()
    state = SharedState(one_redis.url)
    state.ask(lambda client: client.flushall())
    state.close()
    return one_redis


@pytest.fixture
def replicas(redis: RedisServer) -> Iterator[Replicas]:
    one, other = SharedState(redis.url), SharedState(redis.url)
    yield one, other
    one.close()
    other.close()
