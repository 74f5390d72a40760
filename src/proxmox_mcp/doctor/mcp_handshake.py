"""The first messages of an MCP client, and the server's responses (JSON-RPC as server-sent events or JSON)."""

# Tested through tests/doctor/test_client_only.py and tests/doctor/test_client_view.py.

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from proxmox_mcp import __version__
from proxmox_mcp.doctor.http import AGENT
from proxmox_mcp.doctor.steps import Fix
from proxmox_mcp.instructions import NOT_SET_UP
from proxmox_mcp.net.failures import FailureKind, RequestFailedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxmox_mcp.doctor.http import HttpAnswer
    from proxmox_mcp.doctor.steps import CheckStep, ReportSection
    from proxmox_mcp.settings import ServerSettings

_MAX_INSTRUCTIONS = 4000
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
    """The headers that a client sends, with the token of the settings if it is set."""
    token = server.mcp_auth_token.get_secret_value() if with_token else ""
    return {"Accept": accept, "Cache-Control": "no-store"} | ({"Authorization": f"Bearer {token}"} if token else {})


def posted(server: ServerSettings) -> dict[str, str]:
    """The headers of a message."""
    return headers(server, f"application/json, {STREAM}") | {"Content-Type": "application/json"}


def events(answer: HttpAnswer, seconds: float) -> Iterator[tuple[str, str]]:
    """The events (name, data) of a stream until it ends. Raises RequestFailedError, after ``seconds`` too.

    Comments, which keep the stream alive, come as events without a name and data.
    """
    end = time.monotonic() + seconds
    name = "message"
    data: list[str] = []
    while (line := answer.line(end - time.monotonic())) is not None:
        if time.monotonic() > end:
            raise RequestFailedError(FailureKind.SILENT, sent=True)
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


class InitializeAnswer(Struct, frozen=True):
    """A server's answer to INITIALIZE: name and version; ``what_to_set`` if its settings are wrong."""

    name: str
    what_to_set: str = ""


def parse_initialize_answer(text: str) -> InitializeAnswer | None:
    """The answer to INITIALIZE in a text, or None."""
    try:
        message: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    result = message.get("result") if isinstance(message, dict) else None
    info = result.get("serverInfo") if isinstance(result, dict) else None
    if not isinstance(result, dict) or not isinstance(info, dict) or not info.get("name"):
        return None
    said = f"{info['name']} {info.get('version') or ''}".strip()
    name = "".join(c for c in said if c.isprintable())[:80]
    told = str(result.get("instructions") or "")
    if not told.startswith(NOT_SET_UP):
        return InitializeAnswer(name)
    printable = "".join(c for c in told[:_MAX_INSTRUCTIONS] if c.isprintable() or c == "\n")
    return InitializeAnswer(name, printable.partition("\nThen restart the server")[0])


def wrong_settings_step(part: ReportSection, name: str, where: str, hello: InitializeAnswer) -> CheckStep:
    """The step for a server that answers but sends no calls to Proxmox."""
    first, *faults = hello.what_to_set.splitlines()
    told = tuple(fault.removeprefix("- ") for fault in faults) or (first,)
    fix = Fix("Correct the settings named here, then restart the server.")
    return part.fail(name, f"{where}: {hello.name} answers, but its settings are wrong.", fix, details=told)
