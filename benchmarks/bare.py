"""The baseline: the server of the SDK with one tool, which calls ``proxmoxer``.

``python -m benchmarks.bare`` serves a tool that says hello over stdio. With ``UPSTREAM=host:port`` in the environment
there are tools that list the nodes and the guests; with ``SERVE=sse`` or ``SERVE=streamable-http`` and ``PORT`` it
serves that transport.
"""

from __future__ import annotations

import json
import logging
import os
from typing import TYPE_CHECKING, Literal, cast

from mcp.server.mcpserver import MCPServer

if TYPE_CHECKING:
    from collections.abc import Callable


def say_hello() -> str:
    """Say hello."""
    return "hello"


def tools(upstream: str) -> tuple[Callable[[], str], ...]:
    """Tools that make the same call as this server's, and return the nodes, or all guests, as JSON."""
    from proxmoxer import ProxmoxAPI

    host, _, port = upstream.partition(":")
    api = ProxmoxAPI(
        host, port=int(port), user="mcp@pve", token_name="bench", token_value="bench", verify_ssl=False, timeout=30
    )

    def list_nodes() -> str:
        """List the nodes."""
        found = api.cluster.resources.get()
        return json.dumps([record for record in found if record["type"] == "node"])

    def list_guests() -> str:
        """List the guests."""
        found = api.cluster.resources.get()
        return json.dumps([record for record in found if record["type"] in ("qemu", "lxc")])

    return list_nodes, list_guests


def main() -> None:
    logging.captureWarnings(capture=True)
    upstream = os.environ.get("UPSTREAM")
    server = MCPServer("bare", log_level="ERROR")
    for tool in tools(upstream) if upstream else (say_hello,):
        server.tool(structured_output=False)(tool)
    transport = cast("Literal['stdio', 'sse', 'streamable-http']", os.environ.get("SERVE", "stdio"))
    if transport == "stdio":
        server.run("stdio")
    else:
        server.run(transport, host="127.0.0.1", port=int(os.environ["PORT"]))


if __name__ == "__main__":
    main()
