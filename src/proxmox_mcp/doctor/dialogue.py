"""The first words of an MCP client, and the server's answer to them (JSON-RPC over server-sent events or JSON)."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from proxmox_mcp import __version__
from proxmox_mcp.doctor.http import AGENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxmox_mcp.doctor.http import Answer
    from proxmox_mcp.settings import ServerSettings

STREAM = "text/event-stream"
INITIALIZE = json.dumps(
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": AGENT, "version": __version__},
        },
    }
).encode()


def headers(server: ServerSettings, accept: str, *, with_token: bool = True) -> dict[str, str]:
    """What a client sends, with the token of the settings if there is one."""
    token = server.mcp_auth_token.get_secret_value() if with_token else ""
    return {"Accept": accept, "Cache-Control": "no-store"} | ({"Authorization": f"Bearer {token}"} if token else {})


def posted(server: ServerSettings) -> dict[str, str]:
    """The headers of a message."""
    return headers(server, f"application/json, {STREAM}") | {"Content-Type": "application/json"}


def events(answer: Answer, seconds: float) -> Iterator[tuple[str, str]]:
    """The events (name, data) of a stream until ``seconds`` are over (TimeoutError) or it ends.

    Comments, which keep the stream alive, come as events without a name and data.
    """
    end = time.monotonic() + seconds
    name = "message"
    data: list[str] = []
    while (line := answer.line(end - time.monotonic())) is not None:
        if time.monotonic() > end:
            raise TimeoutError
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line and data:
            yield name, "\n".join(data)
        if not line:
            name, data = "message", []
        elif not field:
            yield "", ""
        elif field == "event":
            name = value
        elif field == "data":
            data.append(value)


def server_of(text: str) -> str:
    """The server's name and version in its answer to INITIALIZE; empty where the text is no such answer."""
    try:
        message: Any = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    result = message.get("result") if isinstance(message, dict) else None
    info = result.get("serverInfo") if isinstance(result, dict) else None
    if not isinstance(info, dict) or not info.get("name"):
        return ""
    said = f"{info['name']} {info.get('version') or ''}".strip()
    return "".join(c for c in said if c.isprintable())[:80]
