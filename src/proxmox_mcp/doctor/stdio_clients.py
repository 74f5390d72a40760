"""The configuration for clients that start the server themselves over stdio, with its settings.

The secret is a reference to the client's environment if the client supports that (Gemini CLI, Cursor, Claude Code by
the shell), or VS Code asks for it; Claude Desktop supports neither.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from proxmox_mcp.client_configurations import SERVER, Configuration
from proxmox_mcp.clients import (
    CLAUDE_DESKTOP,
    CURSOR,
    GEMINI,
    PASSWORD,
    VS_CODE,
    file_text,
    local_entry,
    names_a_secret_file,
    settings_over_stdio,
    written,
)
from proxmox_mcp.installation import start_command

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.clients import KnownClient

_SERVE = ("serve", "--stdio")


def stdio_configurations(environment: Mapping[str, str], command: str = "") -> tuple[Configuration, ...]:
    """The settings come from an environment. ``command`` starts ``proxmox-mcp``; by default the running one."""
    words = (*((command,) if command else start_command()), *_SERVE)
    plain = settings_over_stdio(environment)
    by_file = names_a_secret_file(plain)

    def file(client: KnownClient) -> str:
        password = None if by_file else written(client, PASSWORD, f"<value of {PASSWORD}>")
        return file_text(client, SERVER, local_entry(client, words, plain, password))

    def claude_code() -> str:
        given = [f"--env {shlex.quote(f'{name}={value}')}" for name, value in plain.items()]
        given += [] if by_file else [f'--env "{PASSWORD}=${PASSWORD}"']
        return f"claude mcp add {' '.join([*given, '--scope user --transport stdio'])} {SERVER} -- {shlex.join(words)}"

    return (
        Configuration("Gemini CLI, over stdio", "~/.gemini/settings.json", file(GEMINI)),
        Configuration("Claude Code, over stdio", "a shell", claude_code()),
        Configuration(
            "Claude Desktop, over stdio",
            "claude_desktop_config.json (Settings, Developer, Edit Config)",
            file(CLAUDE_DESKTOP),
        ),
        Configuration("VS Code, over stdio", ".vscode/mcp.json, or `MCP: Open User Configuration`", file(VS_CODE)),
        Configuration("Cursor, over stdio", "~/.cursor/mcp.json", file(CURSOR)),
    )
