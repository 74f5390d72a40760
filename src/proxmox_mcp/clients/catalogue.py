"""The clients that ``connect`` knows: where each keeps its servers, what an entry looks like, and how it holds secrets.

As of late 2026: Gemini CLI 0.61 and Claude Code 2.1 are held to this by ``scripts/clients``; Claude Desktop, VS Code
1.102 and later, and Cursor are as their documentation has them.
"""

# Tested through tests/clients/test_configuration_file.py and tests/cli/test_connect.py.

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

System = Literal["linux", "macos", "windows"]
Secrets = Literal["variable", "file", "asked"]
"""``variable``: the file names a variable of the client's environment. ``file``: the file holds the secret, as the
client itself would write it. ``asked``: the client asks for it once and keeps it in the system's key store."""


class KnownClient(Struct, frozen=True):
    """``servers`` is the member of the file that holds the servers by name. ``variable`` is how a value names a
    variable of the environment. ``typed``: an entry names its transport, ``stdio`` too. ``bridge``: it starts local
    servers only, and reaches others through ``mcp-remote``. ``http_path`` and ``http_type`` are those to take over the
    network."""

    key: str
    name: str
    files: Mapping[System, str]
    secrets: Secrets
    servers: str = "mcpServers"
    variable: str = ""
    typed: bool = False
    bridge: bool = False
    http_path: str = "/mcp"
    http_type: str = ""
    shows_it: str = ""

    def file(self, system: System, home: Path, environment: Mapping[str, str]) -> Path:
        """The client's own file for this user."""
        roots = {
            "~": str(home),
            "%APPDATA%": environment.get("APPDATA") or str(home / "AppData" / "Roaming"),
            "$XDG_CONFIG_HOME": environment.get("XDG_CONFIG_HOME") or str(home / ".config"),
        }
        root, _, rest = self.files[system].partition("/")
        return Path(roots[root]) / rest

    def reference(self, variable: str) -> str:
        """How a value of the file names a variable of the client's environment."""
        return self.variable.format(variable)


def _everywhere(path: str) -> Mapping[System, str]:
    return {"linux": path, "macos": path, "windows": path}


def _application(name: str) -> Mapping[System, str]:
    return {
        "linux": f"$XDG_CONFIG_HOME/{name}",
        "macos": f"~/Library/Application Support/{name}",
        "windows": f"%APPDATA%/{name}",
    }


GEMINI = KnownClient(
    "gemini",
    "Gemini CLI",
    _everywhere("~/.gemini/settings.json"),
    # Its own ~/.gemini/.env is read after the settings have been expanded (0.61): a token there does not arrive.
    "variable",
    variable="${}",
    # On /mcp with sessions it keeps using its session after a restart of the server.
    http_path="/sse",
    http_type="sse",
    shows_it="gemini mcp list",
)
CLAUDE_CODE = KnownClient(
    "claude-code",
    "Claude Code",
    _everywhere("~/.claude.json"),
    "file",
    typed=True,
    http_type="http",
    shows_it="claude mcp list",
)
CLAUDE_DESKTOP = KnownClient(
    "claude-desktop", "Claude Desktop", _application("Claude/claude_desktop_config.json"), "file", bridge=True
)
VS_CODE = KnownClient(
    "vscode", "VS Code", _application("Code/User/mcp.json"), "asked", servers="servers", typed=True, http_type="http"
)
CURSOR = KnownClient("cursor", "Cursor", _everywhere("~/.cursor/mcp.json"), "variable", variable="${{env:{}}}")

CLIENTS: Mapping[str, KnownClient] = {each.key: each for each in (CLAUDE_CODE, CLAUDE_DESKTOP, GEMINI, VS_CODE, CURSOR)}
