"""The configuration for each client, with tokens as environment variables if the client supports that.

Formats as of late 2026: Gemini CLI 0.61 (``settings.json``), Claude Code 2 (``claude mcp add``), Claude Desktop (local
servers only: the bridge ``mcp-remote`` reaches others), VS Code 1.102 and later (``mcp.json``), Cursor (``mcp.json``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVER = "proxmox"
TOKEN = "MCP_AUTH_TOKEN"  # noqa: S105 - the name of a variable


@dataclass(frozen=True, slots=True)
class Configuration:
    """A text to paste, and where: a file or a shell."""

    client: str
    where: str
    text: str

    def as_json(self) -> dict[str, str]:
        return {"client": self.client, "where": self.where, "text": self.text}


def configurations(base: str, *, token: bool) -> tuple[Configuration, ...]:
    """For a server at ``base`` (``https://name`` or with a path prefix); ``token``: whether it asks for one."""
    return (
        # /sse first: on /mcp with sessions Gemini CLI (0.61) keeps using its session after a restart of the server.
        Configuration("Gemini CLI", "~/.gemini/settings.json", _gemini(base, "sse", "/sse", token=token)),
        Configuration("Gemini CLI, over HTTP", "~/.gemini/settings.json", _gemini(base, "http", "/mcp", token=token)),
        Configuration("Claude Code", "a shell", _claude_code(base, token=token)),
        Configuration(
            "Claude Desktop",
            "claude_desktop_config.json (Settings, Developer, Edit Config)",
            _claude_desktop(base, token=token),
        ),
        Configuration("VS Code", ".vscode/mcp.json, or `MCP: Open User Configuration`", _vs_code(base, token=token)),
        Configuration("Cursor", "~/.cursor/mcp.json", _cursor(base, token=token)),
    )


def _gemini(base: str, kind: str, path: str, *, token: bool) -> str:
    entry = {"type": kind, "url": base + path} | _bearer(f"${TOKEN}", token=token)
    return _json({"mcpServers": {SERVER: entry}})


def _claude_code(base: str, *, token: bool) -> str:
    header = f' --header "Authorization: Bearer ${TOKEN}"' if token else ""
    return f"claude mcp add --scope user --transport http {SERVER} {base}/mcp{header}"


def _claude_desktop(base: str, *, token: bool) -> str:
    # No space after the colon: on Windows, Claude Desktop does not escape spaces for npx (README of mcp-remote).
    header = ["--header", "Authorization:${AUTHORIZATION}"] if token else []
    plain = ["--allow-http"] if base.startswith("http://") else []
    entry: dict[str, Any] = {"command": "npx", "args": ["-y", "mcp-remote", f"{base}/mcp", *header, *plain]}
    if token:
        entry["env"] = {"AUTHORIZATION": f"Bearer <the token: {TOKEN}>"}
    return _json({"mcpServers": {SERVER: entry}})


def _vs_code(base: str, *, token: bool) -> str:
    entry = {"type": "http", "url": f"{base}/mcp"} | _bearer("${input:proxmox-mcp-token}", token=token)
    asked = {
        "type": "promptString",
        "id": "proxmox-mcp-token",
        "description": f"{TOKEN} of proxmox-mcp",
        "password": True,
    }
    return _json(({"inputs": [asked]} if token else {}) | {"servers": {SERVER: entry}})


def _cursor(base: str, *, token: bool) -> str:
    entry = {"url": f"{base}/mcp"} | _bearer(f"${{env:{TOKEN}}}", token=token)
    return _json({"mcpServers": {SERVER: entry}})


def _bearer(value: str, *, token: bool) -> dict[str, Any]:
    return {"headers": {"Authorization": f"Bearer {value}"}} if token else {}


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=2)
