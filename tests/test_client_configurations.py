"""The configurations to paste into clients that reach the server over the network."""

from __future__ import annotations

import json
import shlex

import pytest

from proxmox_mcp.client_configurations import configurations

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
