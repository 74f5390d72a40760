"""Starts the server inside a client that may see it for the first time: what extensions and bundles run.

A client waits seconds for the first answer (Gemini CLI 0.61 five, in ``gemini mcp list``), a first installation takes
longer. So where nothing is installed yet this answers ``initialize`` itself, installs what ``uv.lock`` names beside the
project, starts the server, repeats the handshake with it, and passes on what the client sent meanwhile and sends later.
Where all is installed it becomes the server. It must run on a bare Python: it imports nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import proxmox_mcp
from proxmox_mcp.instructions import instructions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_PROTOCOL = "2025-11-25"
_PROTOCOLS = ("2024-11-05", "2025-03-26", "2025-06-18", _PROTOCOL)
_LONGEST_FAULT = 500
_METHOD_NOT_FOUND, _INTERNAL_ERROR = -32601, -32603

Message = dict[str, Any]


def main() -> int:
    """The status of the server, or 1 where it could not be installed."""
    project = Path(proxmox_mcp.__file__).parents[2]
    environment = Environment(project)
    if environment.ready():
        return environment.become_the_server()
    return FirstStart(sys.stdin.buffer, sys.stdout.buffer, environment.install, environment.command).run()


class Environment:
    """The virtual environment in the project's directory, with the dependencies that ``uv.lock`` names."""

    def __init__(self, project: Path) -> None:
        self._project = project
        self._directory = project / ".venv"
        python = self._directory / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        self.command = (str(python), "-m", "proxmox_mcp", "serve", "--stdio")

    def ready(self) -> bool:
        """Whether it holds what today's lock names: an update of the project may have brought another."""
        try:
            return Path(self.command[0]).exists() and self._mark.read_text(encoding="utf-8") == self._wanted()
        except OSError:
            return False

    def install(self) -> str:
        """Install what is missing. Empty, or why it failed."""
        # The project itself stays a directory on the path: to build it would need a build backend too.
        uv = os.environ.get("UV") or "uv"  # uv names itself to what it runs.
        words = ("sync", "--quiet", "--frozen", "--no-install-project", "--project", str(self._project))
        try:
            done = subprocess.run([uv, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        except OSError as error:
            return f"uv can't be started: {error.strerror}"
        sys.stderr.write(done.stderr)
        if done.returncode:
            return " ".join(done.stderr.split())[:_LONGEST_FAULT] or f"uv ended with status {done.returncode}"
        self._mark.write_text(self._wanted(), encoding="utf-8")
        return ""

    def become_the_server(self) -> int:
        """Replace this process where the system can; else wait for the server's end."""
        if os.name == "posix":
            os.execv(self.command[0], self.command)  # noqa: S606 - no shell is wanted
        return subprocess.call(self.command)

    @property
    def _mark(self) -> Path:
        return self._directory / ".proxmox-mcp-installed"

    def _wanted(self) -> str:
        return hashlib.sha256((self._project / "uv.lock").read_bytes()).hexdigest()


class FirstStart:
    """Speaks for the server until it runs, then passes every line on, in both directions."""

    def __init__(
        self, reading: IO[bytes], writing: IO[bytes], install: Callable[[], str], command: Sequence[str]
    ) -> None:
        """``install`` returns why it failed, or nothing; ``command`` starts the server once it is installed."""
        self._reading, self._writing = reading, writing
        self._install, self._command = install, command
        self._lock = threading.Lock()
        """Held until the server has taken over; then each thread has a direction of its own."""
        self._handshake: Message | None = None
        self._held: list[Message] = []
        self._failure = ""
        self._server: IO[bytes] | None = None

    def run(self) -> int:
        """Until the client closes its end, or the server ends."""
        threading.Thread(target=self._bring_up, daemon=True).start()
        for line in self._reading:
            with self._lock:
                server = self._server
                if server is None:
                    self._take(line)
            if server is not None:
                _send(server, line)
        with self._lock:
            if self._server is None:
                return 1 if self._failure else 0
            self._server.close()
        threading.Event().wait()  # The thread of the server ends this process, with the server's status.
        return 0

    def _take(self, line: bytes) -> None:
        """Answer what can't wait, and hold the rest for the server."""
        try:
            message = json.loads(line)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            return
        match message.get("method"):
            case "initialize":
                self._handshake = message
                self._answer(message, _introduction(message))
            case "ping":
                self._answer(message, {})
            case "server/discover":
                # Clients of the newer protocol then begin with `initialize`, as they do with any older server.
                self._refuse(message, _METHOD_NOT_FOUND, "Method not found")
            case _ if self._failure:
                self._refuse(message, _INTERNAL_ERROR, self._failure)
            case _:
                self._held.append(message)

    def _bring_up(self) -> None:
        """Install, hand over to the server, and pass its lines on to its end, which is that of this process."""
        if fault := self._install():
            with self._lock:
                self._failure = f"proxmox-mcp could not be installed, which takes the network once: {fault}"
                for message in self._held:
                    self._refuse(message, _INTERNAL_ERROR, self._failure)
            return
        server = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if server.stdin is None or server.stdout is None:
            raise AssertionError("both are pipes")
        with self._lock:
            self._hand_over(server.stdin, server.stdout)
        for line in server.stdout:
            _send(self._writing, line)
        # The main thread waits for the client's next line, which may never come.
        os._exit(server.wait())

    def _hand_over(self, to_server: IO[bytes], from_server: IO[bytes]) -> None:
        if self._handshake is not None:
            _send(to_server, _line(self._handshake))
            from_server.readline()  # The client has its answer.
        for message in self._held:
            _send(to_server, _line(message))
        self._server = to_server

    def _answer(self, request: Message, result: Message) -> None:
        _send(self._writing, _line({"jsonrpc": "2.0", "id": request.get("id"), "result": result}))

    def _refuse(self, request: Message, code: int, text: str) -> None:
        if "id" in request:
            error = {"code": code, "message": text}
            _send(self._writing, _line({"jsonrpc": "2.0", "id": request["id"], "error": error}))


def _introduction(request: Message) -> Message:
    """What the server answers to ``initialize``; a test holds the two equal."""
    asked = request.get("params", {}).get("protocolVersion")
    writes = () if os.environ.get("MCP_MODE") == "read-only" else ("proxmox_api_call", "proxmox_api_plan")
    return {
        "protocolVersion": asked if asked in _PROTOCOLS else _PROTOCOL,
        "capabilities": {
            "completions": {},
            "prompts": {"listChanged": False},
            "resources": {"listChanged": False, "subscribe": False},
            "tools": {"listChanged": False},
        },
        "serverInfo": {"name": "proxmox-mcp", "version": proxmox_mcp.__version__},
        "instructions": instructions(writes),
    }


def _line(message: Message) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def _send(stream: IO[bytes], line: bytes) -> None:
    with contextlib.suppress(OSError, ValueError):  # The other end is gone; who reads from it learns so.
        stream.write(line)
        stream.flush()


if __name__ == "__main__":
    sys.exit(main())
