"""The configurations to paste into clients that start the server themselves."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from proxmox_mcp.doctor.stdio_clients import stdio_configurations

SETTINGS = {
    "PROXMOX_HOST": "pve1.example.org,pve2.example.org",
    "PROXMOX_USER": "mcp@pve",
    "PROXMOX_TOKEN_ID": "mcp",
    "PROXMOX_PASSWORD": "11111111-2222-3333-4444-555555555555",
    "MCP_MODE": "read-only",
    "MCP_AUTH_TOKEN": "a-token-of-http",
    "MCP_HOST": "0.0.0.0",
    "PATH": "/bin",
}


def over_stdio(**changed: str) -> dict[str, str]:
    found = stdio_configurations({**SETTINGS, **changed}, "/opt/my tools/proxmox-mcp")
    return {each.client.removesuffix(", over stdio"): each.text for each in found}


def entry_of(text: str) -> dict[str, Any]:
    content = json.loads(text)
    (entry,) = content.get("mcpServers", content.get("servers")).values()
    return dict(entry)


SECRET_OF = {
    "Gemini CLI": "$PROXMOX_PASSWORD",
    "Claude Desktop": "<value of PROXMOX_PASSWORD>",
    "VS Code": "${input:proxmox-password}",
    "Cursor": "${env:PROXMOX_PASSWORD}",
}


@pytest.mark.parametrize("client", SECRET_OF)
def test_a_client_that_starts_the_server_gets_its_settings_and_a_reference_to_the_secret(client: str) -> None:
    text = over_stdio()[client]
    entry = entry_of(text)
    assert (entry["command"], entry["args"]) == ("/opt/my tools/proxmox-mcp", ["serve", "--stdio"])
    assert entry["env"] == {
        "PROXMOX_HOST": "pve1.example.org,pve2.example.org",
        "PROXMOX_USER": "mcp@pve",
        "PROXMOX_TOKEN_ID": "mcp",
        "MCP_MODE": "read-only",
        "PROXMOX_PASSWORD": SECRET_OF[client],
    }
    assert SETTINGS["PROXMOX_PASSWORD"] not in text


def test_a_secret_in_a_file_is_named_by_the_file() -> None:
    for client, text in over_stdio(PROXMOX_PASSWORD="", PROXMOX_PASSWORD_FILE="/run/secrets/pve").items():
        if client != "Claude Code":
            assert entry_of(text)["env"]["PROXMOX_PASSWORD_FILE"] == "/run/secrets/pve"
            assert "PROXMOX_PASSWORD" not in entry_of(text)["env"]
        assert "input:" not in text


def test_the_command_for_claude_code_that_starts_the_server_is_one_a_shell_takes() -> None:
    words = shlex.split(over_stdio()["Claude Code"])
    assert words[:3] == ["claude", "mcp", "add"]
    assert words[words.index("proxmox") :] == ["proxmox", "--", "/opt/my tools/proxmox-mcp", "serve", "--stdio"]
    assert "PROXMOX_PASSWORD=$PROXMOX_PASSWORD" in words
    assert "MCP_MODE=read-only" in words
