"""The configurations to paste."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from proxmox_mcp.client_configurations import configurations
from proxmox_mcp.doctor.stdio_clients import stdio_configurations

BASE = "https://example.org/proxmox"


def texts(base: str = BASE, *, token: bool = True) -> dict[str, str]:
    return {each.client: each.text for each in configurations(base, token=token)}


@pytest.mark.parametrize("token", [True, False])
@pytest.mark.parametrize("client", ["Gemini CLI", "Gemini CLI, over HTTP", "Claude Desktop", "VS Code", "Cursor"])
def test_every_file_is_json_with_the_address_in_it(client: str, token: bool) -> None:
    text = texts(token=token)[client]
    json.loads(text)
    assert f"{BASE}/{'sse' if client == 'Gemini CLI' else 'mcp'}" in text
    assert ("Bearer" in text) == token


def test_the_token_is_a_variable_in_the_syntax_of_each_client() -> None:
    said = texts()
    assert json.loads(said["Gemini CLI"])["mcpServers"]["proxmox"]["headers"] == {
        "Authorization": "Bearer $MCP_AUTH_TOKEN"
    }
    assert "Bearer ${env:MCP_AUTH_TOKEN}" in said["Cursor"]
    assert "Bearer ${input:proxmox-mcp-token}" in said["VS Code"]
    assert json.loads(said["VS Code"])["inputs"][0]["id"] == "proxmox-mcp-token"


def test_the_configuration_of_gemini_has_the_type_of_the_transport() -> None:
    assert json.loads(texts()["Gemini CLI, over HTTP"])["mcpServers"]["proxmox"]["type"] == "http"
    assert json.loads(texts()["Gemini CLI"])["mcpServers"]["proxmox"]["type"] == "sse"


def test_the_command_for_claude_code_is_one_a_shell_takes() -> None:
    words = shlex.split(texts()["Claude Code"])
    assert words[:3] == ["claude", "mcp", "add"]
    assert words[-3:] == [f"{BASE}/mcp", "--header", "Authorization: Bearer $MCP_AUTH_TOKEN"]


def test_the_bridge_of_claude_desktop_gets_an_option_for_plain_http() -> None:
    assert "--allow-http" in texts("http://pve.lan:8000")["Claude Desktop"]
    assert "--allow-http" not in texts()["Claude Desktop"]


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
