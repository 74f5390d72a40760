"""``proxmox-mcp demo``: a cluster to try things on, a server for it, a tour, and how to connect."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from contextlib import contextmanager
from http.client import HTTPConnection
from textwrap import indent
from typing import TYPE_CHECKING

import anyio
import click

from proxmox_mcp.errors import SettingsError

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping

    from rich.console import Console

    from proxmox_mcp.demo.tour import Told

_START_WITHIN = 60.0
_LONGEST_ANSWER = 18


@click.command()
@click.option("--once", is_flag=True, help="End after the tour: status 0 only if every step did what it says.")
@click.option("--port", type=int, help="Port to serve on; otherwise 8000, or a free one where that is taken.")
@click.option(
    "--host",
    envvar="DEMO_HOST",
    default="127.0.0.1",
    help="Address to serve on, to anybody who reaches it: for a container, whose port you publish on 127.0.0.1.",
)
def demo(once: bool, port: int | None, host: str) -> None:
    """Start a demo cluster on this machine, serve it, and watch a real MCP client at work."""
    from rich.console import Console

    from proxmox_mcp.demo import start_demo_cluster
    from proxmox_mcp.demo.lifetime import unwinding_when_told_to_end

    console = Console(highlight=False, soft_wrap=True)
    console.print("Starting a Proxmox VE to try things on (fakepve: 3 nodes, 38 guests) ...", style="dim")
    with unwinding_when_told_to_end(), start_demo_cluster() as cluster:
        where = port or _free_port()
        with _server({**cluster.environment, **_serving(host, where)}) as process:
            url = f"http://127.0.0.1:{where}"
            well = anyio.run(_tour, f"{url}/sse", console)
            if once:
                sys.exit(0 if well else 1)
            _say_how_to_connect(url, console)
            try:
                process.wait()
            except KeyboardInterrupt:
                console.print("\nEnded.", style="dim")


async def _tour(url: str, console: Console) -> bool:
    from proxmox_mcp.demo.tour import take

    well = True
    async for told in take(url):
        _show(told, console)
        well = well and not told.lacks
    console.print()
    console.print(
        "Every step did what it says." if well else "A step did not do what it says.",
        style="bold green" if well else "bold red",
    )
    return well


def _show(told: Told, console: Console) -> None:
    from rich.text import Text

    step = told.step
    console.print()
    console.print(Text.assemble(("✗ " if told.lacks else "✓ ", "red" if told.lacks else "green"), (step.says, "bold")))
    arguments = json.dumps(dict(step.arguments), ensure_ascii=False) if step.arguments else ""
    console.print(Text(f"  {step.tool} {arguments}", style="cyan"))
    lines = told.answer.splitlines()
    shown = "\n".join(lines[:_LONGEST_ANSWER])
    if len(lines) > _LONGEST_ANSWER:
        shown += f"\n... and {len(lines) - _LONGEST_ANSWER} lines more"
    console.print(Text(indent(shown, "    "), style="yellow" if step.fails else ""))
    for text in told.lacks:
        console.print(Text(f"    expected: {text}", style="bold red"))


def _say_how_to_connect(url: str, console: Console) -> None:
    from rich.text import Text

    settings = {"mcpServers": {"proxmox": {"type": "sse", "url": f"{url}/sse"}}}
    console.print()
    console.print("Connect your own client; the demo serves until Ctrl-C.", style="bold")
    console.print(Text(f"  Claude Code   claude mcp add --transport http proxmox {url}/mcp"))
    console.print(Text(f"  Gemini CLI    ~/.gemini/settings.json: {json.dumps(settings)}"))
    console.print(Text(f"  others        {url}/mcp (streamable HTTP), {url}/sse (SSE)"))
    console.print(Text("  Then ask: which guests have no backup? Move everything off pve2."))


def _serving(host: str, port: int) -> dict[str, str]:
    """Settings of the server. It asks nobody for a token: the cluster is a fake one, with nothing to protect."""
    return {"MCP_HOST": host, "MCP_PORT": str(port), "MCP_AUTH": "none", "MCP_LOG_LEVEL": "WARNING"}


@contextmanager
def _server(settings: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """The server as a process of its own, with nothing of ours from the environment but these settings."""
    from proxmox_mcp.demo.lifetime import end_child, start_child

    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PROXMOX_", "MCP_"))}
    process = start_child("proxmox_mcp.demo.server", env=environment | dict(settings))
    try:
        _await(process, int(settings["MCP_PORT"]))
        yield process
    finally:
        end_child(process)


def _await(process: subprocess.Popen[bytes], port: int) -> None:
    ends = time.monotonic() + _START_WITHIN
    while process.poll() is None and time.monotonic() < ends:
        connection = HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.1)
        finally:
            connection.close()
    raise SettingsError(
        "The server of the demo did not start.", "What it printed above says why; --port takes another."
    )


def _free_port() -> int:
    for wanted in (8000, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", wanted))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise SettingsError("No port is free on 127.0.0.1.")
