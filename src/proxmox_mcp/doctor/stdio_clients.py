"""The configuration for clients that start the server themselves over stdio, with its settings.

The secret is a reference to the client's environment if the client supports that (Gemini CLI, Cursor, Claude Code by
the shell), or VS Code asks for it; Claude Desktop supports neither.
"""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from typing import TYPE_CHECKING

from proxmox_mcp.client_configurations import SERVER, Configuration
from proxmox_mcp.settings import SECRETS, known_names

if TYPE_CHECKING:
    from collections.abc import Mapping

PASSWORD = "PROXMOX_PASSWORD"  # noqa: S105 - the name of a variable
_OF_HTTP = (
    "MCP_HOST", "MCP_PORT", "MCP_ROOT_PATH", "MCP_ALLOWED_HOSTS", "MCP_ALLOWED_ORIGINS", "MCP_AUTH", "MCP_AUTH_TOKEN",
    "MCP_CALLERS_FILE", "MCP_STATELESS", "MCP_STATE_URL", "MCP_STATE_KEY", "MCP_METRICS_PORT",
)  # fmt: skip
"""Settings that have no effect over stdio."""
_INPUT = "proxmox-password"


def stdio_configurations(environment: Mapping[str, str], command: str = "") -> tuple[Configuration, ...]:
    """The settings come from an environment. ``command`` starts ``proxmox-mcp``; by default the running one.

    It is an absolute path, because desktop applications don't have the PATH of a login shell.
    """
    command = command or shutil.which("proxmox-mcp") or sys.argv[0]
    arguments = ["serve", "--stdio"]
    plain = {
        name: environment[name]
        for name in (*known_names(), *(f"{name}_FILE" for name in SECRETS))
        if environment.get(name) and name not in SECRETS and name.removesuffix("_FILE") not in _OF_HTTP
    }
    by_file = f"{PASSWORD}_FILE" in plain or "MCP_CLUSTERS_FILE" in plain

    def servers(secret: str) -> str:
        env = plain if by_file else {**plain, PASSWORD: secret}
        return _json({"mcpServers": {SERVER: {"command": command, "args": arguments, "env": env}}})

    def vs_code() -> str:
        env = plain if by_file else {**plain, PASSWORD: f"${{input:{_INPUT}}}"}
        entry = {"type": "stdio", "command": command, "args": arguments, "env": env}
        asked = {"type": "promptString", "id": _INPUT, "description": f"{PASSWORD} of proxmox-mcp", "password": True}
        return _json(({} if by_file else {"inputs": [asked]}) | {"servers": {SERVER: entry}})

    def claude_code() -> str:
        given = [f"--env {shlex.quote(f'{name}={value}')}" for name, value in plain.items()]
        given += [] if by_file else [f'--env "{PASSWORD}=${PASSWORD}"']
        started = shlex.join([command, *arguments])
        return f"claude mcp add {' '.join([*given, '--scope user --transport stdio'])} {SERVER} -- {started}"

    return (
        Configuration("Gemini CLI, over stdio", "~/.gemini/settings.json", servers(f"${PASSWORD}")),
        Configuration("Claude Code, over stdio", "a shell", claude_code()),
        Configuration(
            "Claude Desktop, over stdio",
            "claude_desktop_config.json (Settings, Developer, Edit Config)",
            servers(f"<value of {PASSWORD}>"),
        ),
        Configuration("VS Code, over stdio", ".vscode/mcp.json, or `MCP: Open User Configuration`", vs_code()),
        Configuration("Cursor, over stdio", "~/.cursor/mcp.json", servers(f"${{env:{PASSWORD}}}")),
    )


def _json(value: Mapping[str, object]) -> str:
    return json.dumps(value, indent=2)
