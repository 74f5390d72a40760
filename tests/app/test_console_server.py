"""The console alone, as ``proxmox-mcp console`` serves it."""

from __future__ import annotations

import re
import signal
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from command_line import run_here
from console_site import Visitor
from forked import start
from patience import PATIENCE, until
from serving import environment, free_port

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from forked import Forked


@dataclass(frozen=True)
class Alone:
    """A console that is served, and the token of the link that it printed."""

    process: subprocess.Popen[bytes] | Forked
    port: int
    link: str

    def visitor(self, host: str = "") -> Visitor:
        return Visitor(("127.0.0.1", self.port), host or f"127.0.0.1:{self.port}")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alone]:
    """Without a cluster; settings of a server that would be open to others don't count here, nor where a proxy is."""
    directory, port = tmp_path_factory.mktemp("console"), free_port()
    settings = {"MCP_HOST": "0.0.0.0", "MCP_ALLOWED_HOSTS": "mcp.example.org", "MCP_CONSOLE_HOST": "people.example.org"}
    settings |= {"MCP_PUBLIC_URL": "https://people.example.org", "MCP_ROOT_PATH": "/proxmox"}
    output = directory / "output"
    with output.open("wb") as out, (directory / "log").open("wb") as log:
        process = start(["console", "--port", str(port)], environment(directory, **settings), out, log)
    try:
        until(lambda: b"#" in output.read_bytes() or process.poll() is not None, _text_of(directory / "log"))
        found = re.fullmatch(rf"http://127\.0\.0\.1:{port}/console/sign-in#(\S+)\n", output.read_text())
        assert found, _text_of(directory / "log")()
        yield Alone(process, port, found[1])
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()


def _text_of(log: Path) -> Callable[[], str]:
    return lambda: log.read_text(encoding="utf-8")


def test_the_printed_link_signs_in(alone: Alone) -> None:
    visitor = alone.visitor()
    assert visitor.get("/console/").location.endswith("/console/sign-in")
    assert visitor.signs_in(alone.link).status == 303
    assert visitor.get("/console/").status == 200
    assert visitor.get("/").location == "/console/"


@pytest.mark.parametrize("path", ["/mcp", "/sse", "/metrics", "/readyz?verbose", "/consoles"])
def test_nothing_but_the_console_is_served(alone: Alone, path: str) -> None:
    assert alone.visitor().get(path).status == 404


@pytest.mark.parametrize("host", ["mcp.example.org", "people.example.org", "evil.example.org"])
def test_only_names_of_loopback_reach_it(alone: Alone, host: str) -> None:
    assert alone.visitor(host).get("/console/sign-in").status == 421
    assert alone.visitor(f"localhost:{alone.port}").get("/console/sign-in").status == 200


def test_a_sign_of_life_is_open(alone: Alone) -> None:
    assert alone.visitor("any.example.org").get("/livez").text == "ok"


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system has no SIGHUP")
def test_it_ends_with_its_terminal_and_is_found_where_its_person_says(tmp_path: Path) -> None:
    """A port of this machine that is forwarded to another has another number there."""
    output, port = tmp_path / "output", free_port()
    settings = environment(tmp_path, MCP_CONSOLE_PORT=str(port), MCP_PUBLIC_URL="http://localhost:9000")
    with output.open("wb") as out, (tmp_path / "log").open("wb") as log:
        process = start(["console"], settings, out, log)
    try:
        until(lambda: "startup complete" in _text_of(tmp_path / "log")() or process.poll() is not None)
        assert output.read_text().startswith("http://localhost:9000/console/sign-in#"), _text_of(tmp_path / "log")()
        process.send_signal(signal.SIGHUP)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()


def test_a_port_that_is_taken_is_one_line_with_the_option(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        told = run_here(tmp_path, "console", MCP_CONSOLE_PORT=str(taken.getsockname()[1]))
    assert told.returncode == 2
    assert "choose another port (MCP_CONSOLE_PORT, or console --port)" in told.stderr.splitlines()[0]
