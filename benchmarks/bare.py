"""The baseline: the server of the SDK with one tool, which calls ``proxmoxer``.

``python -m benchmarks.bare`` serves a tool that says hello over stdio. With ``UPSTREAM=host:port`` in the environment
the tool lists the nodes; with ``SERVE=sse`` or ``SERVE=streamable-http`` and ``PORT`` it serves that transport.
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


def lists_nodes(upstream: str) -> Callable[[], str]:
    """A tool that makes the same call as this server's, and returns the nodes."""
    from proxmoxer import ProxmoxAPI

    host, _, port = upstream.partition(":")
    api = ProxmoxAPI(
        host, port=int(port), user="mcp@pve", token_name="bench", token_value="bench", verify_ssl=False, timeout=30
    )

    def list_nodes() -> str:
        """List the nodes."""
        found = api.cluster.resources.get()
        return json.dumps([record for record in found if record["type"] == "node"])

    return list_nodes


def main() -> None:
    logging.captureWarnings(capture=True)
    upstream = os.environ.get("UPSTREAM")
    server = MCPServer("bare", log_level="ERROR")
    server.tool(structured_output=False)(lists_nodes(upstream) if upstream else say_hello)
    transport = cast("Literal['stdio', 'sse', 'streamable-http']", os.environ.get("SERVE", "stdio"))
    if transport == "stdio":
        server.run("stdio")
    else:
        server.run(transport, host="127.0.0.1", port=int(os.environ["PORT"]))


if __name__ == "__main__":
    main()
