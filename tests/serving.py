"""A ``proxmox-mcp serve`` as a process of its own (``forked``), on loopback, with a test's environment."""

from __future__ import annotations

import hashlib
import http.client
import itertools
import os
import random
import signal
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from forked import COMMAND, SOURCE, start
from patience import PATIENCE, until
from seeds import keep, sow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from forked import Forked

TOKEN = "a-token-that-only-these-tests-use"
CALLERS = {
    "ops": "ops-token-of-these-tests",
    "dev": "dev-token-of-these-tests",
    "viewer": "viewer-token-of-these-tests",
    "gone": "gone-token-of-these-tests",
}
"""Callers and their tokens; the last has expired."""


def environment(directory: Path, **settings: str) -> dict[str, str]:
    """What a process gets: nothing of ours but the way to Python, and the settings."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": SOURCE,
        "HOME": str(directory),
        "MCP_CACHE_DIR": str(directory / "state"),
        **settings,
    }


def callers_file(**modes: str) -> str:
    """A callers file as ``proxmox-mcp token new`` would have it."""
    lines = []
    for name, token in CALLERS.items():
        digest = hashlib.sha256(token.encode()).hexdigest()
        lines += ["[[caller]]", f'name = "{name}"', f'token_sha256 = "{digest}"', f'mode = "{modes.get(name, "full")}"']
        lines += ["expires = 2020-01-01"] if name == "gone" else []
    return "\n".join(lines)


def _own_ports() -> Iterator[int]:
    """A thousand for each process of pytest, in turn: two that chose the same port took it from each other's server."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first, begin = 15_000 + 1000 * (worker % 17), random.SystemRandom().randrange(1000)
    return itertools.cycle(first + (begin + i) % 1000 for i in range(1000))


_PORTS = _own_ports()


def free_port() -> int:
    """A port of loopback that nobody listens on, of those that the system gives to no client's connection."""
    return next(port for port in _PORTS if _is_free(port))


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


@dataclass(frozen=True)
class Reply:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass(frozen=True)
class Served:
    """A server that runs. ``directory`` holds its state and its log."""

    process: subprocess.Popen[bytes] | Forked
    port: int
    directory: Path
    settings: Mapping[str, str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.directory / "log").read_text(encoding="utf-8")

    def ask(self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None) -> Reply:
        """A plain HTTP request; only the headers given, and ``Host`` where none is. A stream is not read."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            given = dict(headers or {})
            connection.putrequest(method, path, skip_host="Host" in given, skip_accept_encoding=True)
            if body is not None and "Content-Length" not in given:
                given["Content-Length"] = str(len(body))
            for name, value in given.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
            streams = "text/event-stream" in response.getheader("content-type", "")
            text = "" if streams else response.read().decode()
            return Reply(response.status, {name.lower(): value for name, value in response.getheaders()}, text)
        finally:
            connection.close()

    def run(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """A command of ours with the server's own settings, as its operator would run it."""
        return run(self.directory, *arguments, **{**self.settings, **settings})

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait: the exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def wait_for(self, text: str) -> None:
        """Until the log holds a text; fails at once where the server has ended without it."""
        until(lambda: text in self.log or self.process.poll() is not None, lambda: f"{text!r} in the log\n{self.log}\n")
        assert text in self.log, f"the server has ended:\n{self.log}"

    def wait_for_the_schema(self) -> None:
        """Until it works from the schema of its node, which servers that are started later get from it."""
        self.wait_for("; the node runs")
        keep(self.directory / "state")


def run(directory: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """A command of ours, to its end."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = start(arguments, environment(directory, **settings), output, errors)
        try:
            status = process.wait(PATIENCE)
        finally:
            process.kill()
        return subprocess.CompletedProcess([*COMMAND, *arguments], status, _text(output), _text(errors))


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


@contextmanager
def serving(directory: Path, *options: str, **settings: str) -> Iterator[Served]:
    """A server for the length of a block, started with ``options``. Fails where it doesn't come up."""
    directory.mkdir(parents=True, exist_ok=True)
    sow(directory / "state")
    port = int(settings.get("MCP_PORT") or free_port())
    settings = {"MCP_HOST": "127.0.0.1", "MCP_PORT": str(port), **settings}
    with (directory / "log").open("wb") as log:
        process = start(["serve", *options], environment(directory, **settings), log, log)
    served = Served(process, port, directory, settings)
    try:
        until(lambda: _lives(served), lambda: f"a sign of life\n{served.log}\n")
        yield served
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(PATIENCE)
        finally:
            process.kill()


def _lives(served: Served) -> bool:
    assert served.process.poll() is None, f"the server has ended:\n{served.log}"
    try:
        return served.ask("GET", "/livez").status == 200
    except OSError:
        return False
