"""A ``proxmox-mcp serve`` as a process of its own, on loopback, with the environment that a test gives it."""

from __future__ import annotations

import hashlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import proxmox_mcp

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

COMMAND = [sys.executable, "-m", "proxmox_mcp"]
TOKEN = "a-token-that-only-these-tests-use"
CALLERS = {
    "ops": "ops-token-of-these-tests",
    "dev": "dev-token-of-these-tests",
    "viewer": "viewer-token-of-these-tests",
    "gone": "gone-token-of-these-tests",
}
"""Callers and their tokens; the last has expired."""
_SOURCE = str(Path(proxmox_mcp.__file__).parents[1])
_START_SECONDS = 20.0


def environment(directory: Path, **settings: str) -> dict[str, str]:
    """What a process gets: nothing of ours but the way to Python, and the settings."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": _SOURCE,
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


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@dataclass(frozen=True)
class Reply:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass(frozen=True)
class Served:
    """A server that runs. ``directory`` holds its state and its log."""

    process: subprocess.Popen[bytes]
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
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
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
        return self.process.wait(10)

    def wait_for(self, text: str, seconds: float = 20.0) -> None:
        """Until the log holds a text."""
        until = time.monotonic() + seconds
        while text not in self.log:
            assert time.monotonic() < until, f"{text!r} is not in the log:\n{self.log}"
            time.sleep(0.02)


def run(directory: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """A command of ours, to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        env=environment(directory, **settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@contextmanager
def serving(directory: Path, **settings: str) -> Iterator[Served]:
    """A server for the length of a block. Fails where it doesn't come up."""
    directory.mkdir(parents=True, exist_ok=True)
    port = int(settings.get("MCP_PORT") or free_port())
    settings = {"MCP_HOST": "127.0.0.1", "MCP_PORT": str(port), **settings}
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [*COMMAND, "serve"],
            env=environment(directory, **settings),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    served = Served(process, port, directory, settings)
    try:
        _until_it_lives(served)
        yield served
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(10)


def _until_it_lives(served: Served) -> None:
    until = time.monotonic() + _START_SECONDS
    while True:
        try:
            if served.ask("GET", "/livez").status == 200:
                return
        except OSError:
            pass
        assert served.process.poll() is None, f"the server ended:\n{served.log}"
        assert time.monotonic() < until, f"the server does not come up:\n{served.log}"
        time.sleep(0.03)
