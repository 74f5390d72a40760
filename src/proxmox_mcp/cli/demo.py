"""``proxmox-mcp demo``: a demo cluster, a server for it, a tour, and how to connect."""

# Tested through tests/demo/test_command.py.

from __future__ import annotations

import json
import os
import secrets
import socket
import sys
import tempfile
import time
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING

import anyio
import click
from rich.console import Console
from rich.text import Text

from proxmox_mcp.demo import start_demo_cluster
from proxmox_mcp.demo.child_process import end_child, exiting_on_signals, start_child
from proxmox_mcp.demo.server import DIRECTORY, STATE
from proxmox_mcp.errors import SettingsError
from proxmox_mcp.store import Store
from proxmox_mcp.web import Person, Role, Sessions

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping

    from proxmox_mcp.demo.tour import StepResult


_START_SECONDS = 60.0
_MAX_RESULT_LINES = 18


@click.command()
@click.option("--once", is_flag=True, help="End after the tour. Exit status 0 only if every step succeeded.")
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Port to serve on; by default 8000, or a free one if that is taken."
)
@click.option(
    "--host",
    envvar="DEMO_HOST",
    default="127.0.0.1",
    help="Address to serve on, without authentication: for a container with its port published on 127.0.0.1.",
)
def demo(once: bool, port: int | None, host: str) -> None:
    """Start a demo cluster and a server for it, and show a real MCP client at work."""
    console = Console(highlight=False, soft_wrap=True)
    console.print("Starting a demo cluster (fakepve: 3 nodes, 38 guests) ...", style="dim")
    with exiting_on_signals(), start_demo_cluster() as cluster:
        where = port or _free_port()
        directory = Path(tempfile.gettempdir()) / f"proxmox-mcp-{secrets.token_hex(8)}"
        settings = {**cluster.environment, **_server_settings(host, where), DIRECTORY: str(directory)}
        with _server(settings) as process:
            url = f"http://127.0.0.1:{where}"
            succeeded = anyio.run(_tour, f"{url}/sse", console)
            if once:
                sys.exit(0 if succeeded else 1)
            _print_addresses(url, console)
            _print_console(f"{url}/console/", directory, console)
            try:
                process.wait()
            except KeyboardInterrupt:
                console.print("\nEnded.", style="dim")


async def _tour(url: str, console: Console) -> bool:
    # The MCP client takes 1.4 s of CPU to import: later than the first line of output.
    from proxmox_mcp.demo.tour import run_tour

    succeeded = True
    async for result in run_tour(url):
        _show(result, console)
        succeeded = succeeded and not result.missing
    console.print()
    console.print(
        "Every step succeeded." if succeeded else "A step failed.",
        style="bold green" if succeeded else "bold red",
    )
    return succeeded


def _show(result: StepResult, console: Console) -> None:
    step = result.step
    console.print()
    console.print(
        Text.assemble(("✗ " if result.missing else "✓ ", "red" if result.missing else "green"), (step.text, "bold"))
    )
    arguments = json.dumps(dict(step.arguments), ensure_ascii=False) if step.arguments else ""
    console.print(Text(f"  {step.tool} {arguments}", style="cyan"))
    lines = result.output.splitlines()
    shown = "\n".join(lines[:_MAX_RESULT_LINES])
    if len(lines) > _MAX_RESULT_LINES:
        shown += f"\n... and {len(lines) - _MAX_RESULT_LINES} more lines"
    console.print(Text(indent(shown, "    "), style="yellow" if step.fails else ""))
    for text in result.missing:
        console.print(Text(f"    expected: {text}", style="bold red"))


def _print_addresses(url: str, console: Console) -> None:
    settings = {"mcpServers": {"proxmox": {"type": "sse", "url": f"{url}/sse"}}}
    console.print()
    console.print("Connect your own client. The demo runs until Ctrl-C.", style="bold")
    console.print(Text(f"  Claude Code   claude mcp add --transport http proxmox {url}/mcp"))
    console.print(Text(f"  Gemini CLI    ~/.gemini/settings.json: {json.dumps(settings)}"))
    console.print(Text(f"  others        {url}/mcp (streamable HTTP), {url}/sse (SSE)"))
    console.print(Text("  Then ask: which guests have no backup? Move everything off pve2."))


def _print_console(address: str, directory: Path, console: Console) -> None:
    """A link to the console, where the tour left a call that waits and changes to undo."""
    token = Sessions(Store.in_directory(directory / STATE)).make_link(Person("demo", Role.ADMIN))
    console.print()
    console.print(
        "Open the console. A call waits there for your yes, and the snapshots of plan 1 can be undone. "
        "The link works once, within ten minutes.",
        style="bold",
    )
    console.print(Text(f"  {address}sign-in#{token}"))
    console.print(Text("  Another one: run the demo again."), style="dim")


def _server_settings(host: str, port: int) -> dict[str, str]:
    """Settings of the server. It needs no token, since the cluster is fake and has nothing to protect."""
    return {
        "MCP_HOST": host,
        "MCP_PORT": str(port),
        "MCP_AUTH": "none",
        "MCP_LOG_LEVEL": "WARNING",
        # The tour ends with a call that waits for a person: its watchers need not wait with it.
        "MCP_APPROVAL_WAIT": "2",
    }


@contextmanager
def _server(settings: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """The server in its own process, with only these settings."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PROXMOX_", "MCP_"))}
    process = start_child("proxmox_mcp.demo.server", env=environment | dict(settings))
    try:
        _wait_for_server(process, int(settings["MCP_PORT"]))
        yield process
    finally:
        end_child(process)


def _wait_for_server(process: subprocess.Popen[bytes], port: int) -> None:
    """Until it serves, by the schema of the cluster: until then a wrong call gets doubts in place of its faults."""
    ends = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < ends:
        connection = HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            connection.request("GET", "/readyz?verbose")
            response = connection.getresponse()
            if response.status == 200 and "from the node" in json.load(response)["clusters"]["default"]["schema"]:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.1)
    raise SettingsError(
        "The demo server did not start.", "See its output above; --host and --port choose where it listens."
    )


def _free_port() -> int:
    for wanted in (8000, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", wanted))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise SettingsError("No free port on 127.0.0.1.")
