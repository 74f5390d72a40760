"""The configuration for each client, with tokens as environment variables if the client supports that.

Formats as of late 2026: Gemini CLI 0.61 (``settings.json``), Claude Code 2 (``claude mcp add``), Claude Desktop (local
servers only: the bridge ``mcp-remote`` reaches others), VS Code 1.102 and later (``mcp.json``), Cursor (``mcp.json``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from proxmox_mcp.clients import CLAUDE_DESKTOP, CURSOR, GEMINI, TOKEN, VS_CODE, file_text, remote_entry, written

if TYPE_CHECKING:
    from proxmox_mcp.clients import KnownClient

SERVER = "proxmox"


class Configuration(Struct, frozen=True):
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
            _file(CLAUDE_DESKTOP, base, token=token),
        ),
        Configuration(
            "VS Code", ".vscode/mcp.json, or `MCP: Open User Configuration`", _file(VS_CODE, base, token=token)
        ),
        Configuration("Cursor", "~/.cursor/mcp.json", _file(CURSOR, base, token=token)),
    )


def _gemini(base: str, kind: str, path: str, *, token: bool) -> str:
    return _file(replace(GEMINI, http_type=kind, http_path=path), base, token=token)


def _claude_code(base: str, *, token: bool) -> str:
    header = f' --header "Authorization: Bearer ${TOKEN}"' if token else ""
    return f"claude mcp add --scope user --transport http {SERVER} {base}/mcp{header}"


def _file(client: KnownClient, base: str, *, token: bool) -> str:
    """What to put into a client's file; a client that holds the token itself gets a place to put it."""
    entry = remote_entry(client, base, written(client, TOKEN, f"<the token: {TOKEN}>") if token else None)
    return file_text(client, SERVER, entry)
