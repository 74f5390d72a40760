"""The demo cluster, and servers on it that the clients talk to."""

from __future__ import annotations

import re
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from scripts.client_checks.check import expect

from forked import COMMAND
from proxmox_mcp import settings_file
from proxmox_mcp.demo import start_demo_cluster
from serving import TOKEN, Served, environment, run, serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

AUTHORIZATION = f"Authorization: Bearer {TOKEN}"
"""The header that every client over HTTP is given."""
_PATIENCE = 30.0
_OPEN = re.compile(r'^proxmox_mcp_sessions\{transport="sse"\} [1-9]', re.MULTILINE)
SETTLES = 0.5
"""Seconds that a client gets to read the first event of a stream that it has opened again."""


class Server:
    """A server behind a token that can be started anew on its port."""

    def __init__(self, directory: Path, settings: Mapping[str, str]) -> None:
        self._directory = directory
        self._settings = dict(settings)
        self._stack = ExitStack()
        self._starts = 0
        self.served = self._start()

    def url(self, transport: str) -> str:
        """Where a client finds it: ``sse`` or ``http``."""
        return self.served.url + {"sse": "/sse", "http": "/mcp"}[transport]

    def restart(self, transport: str) -> None:
        """End it as an update would, start it anew on the same port, and over SSE wait until a stream is open again.

        Raises UnexpectedError where none comes.
        """
        self.end()
        self._settings["MCP_PORT"] = str(self.served.port)
        self.served = self._start()
        if transport == "sse":
            self._await_stream()

    def end(self) -> None:
        self._stack.close()

    def _await_stream(self) -> None:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        until = time.monotonic() + _PATIENCE
        while not _OPEN.search(self.served.ask("GET", "/metrics", headers).text):
            expect(time.monotonic() < until, f"/sse was not opened again within {_PATIENCE:.0f} s")
            time.sleep(0.1)
        time.sleep(SETTLES)

    def _start(self) -> Served:
        self._starts += 1
        return self._stack.enter_context(serving(self._directory / str(self._starts), **self._settings))


class Servers:
    """What the checks have to work with: ``shared`` and ``open`` (no authentication), and homes for clients.

    ``settings`` are those of a server on the demo cluster.
    """

    def __init__(self, directory: Path, settings: Mapping[str, str]) -> None:
        self._directory = directory
        self.settings = settings
        self._homes = 0
        self.shared = Server(directory / "shared", {**settings, "MCP_AUTH_TOKEN": TOKEN})
        self.open = Server(directory / "open", settings)

    def end(self) -> None:
        self.shared.end()
        self.open.end()

    @contextmanager
    def own(self, **settings: str) -> Iterator[Server]:
        """A server for one check, which may restart it."""
        server = Server(self.home(), {**self.settings, "MCP_AUTH_TOKEN": TOKEN, **settings})
        try:
            yield server
        finally:
            server.end()

    def home(self) -> Path:
        """A new home for a client, with the directory ``work`` in it where the client runs."""
        self._homes += 1
        home = self._directory / f"home-{self._homes}"
        (home / "work").mkdir(parents=True)
        return home

    def connect(self, home: Path, client: str) -> None:
        """Let ``proxmox-mcp connect`` write the client's own file: ``px-stdio`` is started by it, ``px-http`` shared.

        Raises UnexpectedError.
        """
        file = home / "settings.env"
        given = {**self.settings, "MCP_CACHE_DIR": str(home / "state")}
        settings_file.write(file, settings_file.updated(file, given))
        url = self.shared.served.url
        for words in (
            ("--env-file", str(file), "connect", client, "--name", "px-stdio", "--yes"),
            ("connect", client, "--name", "px-http", "--url", url, "--token-in-file", "--yes"),
        ):
            done = run(home, *words, MCP_AUTH_TOKEN=TOKEN)
            expect(done.returncode == 0, "connect should write the file", done.stderr)
            expect(TOKEN not in done.stdout + done.stderr, "connect should show no token", done.stdout)

    def stdio(self) -> tuple[list[str], dict[str, str]]:
        """The command of a server over stdio, and its environment."""
        return [*COMMAND, "serve", "--stdio"], environment(self.home(), **self.settings)


@contextmanager
def running(directory: Path) -> Iterator[Servers]:
    """A demo cluster with its servers, for the length of a block."""
    with start_demo_cluster(task_seconds=0.5) as cluster:
        servers = Servers(directory, {**cluster.environment, "MCP_LOG_LEVEL": "WARNING"})
        try:
            yield servers
        finally:
            servers.end()
