"""Where the console and the MCP endpoints are, by the settings."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from proxmox_mcp.errors import SettingsError
from proxmox_mcp.settings import load_settings
from proxmox_mcp.web import Passwords, console_address, console_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("settings", "port", "address"),
    [
        ({}, None, "http://127.0.0.1:8000/console/"),
        ({"MCP_PORT": "9000", "MCP_ROOT_PATH": "/proxmox"}, None, "http://127.0.0.1:9000/proxmox/console/"),
        ({"MCP_CONSOLE_PORT": "8010"}, None, "http://127.0.0.1:8010/console/"),
        ({"MCP_CONSOLE_PORT": "8010"}, 8011, "http://127.0.0.1:8011/console/"),
        ({"MCP_ALLOWED_HOSTS": "pve.lan,other.lan"}, None, "http://pve.lan:8000/console/"),
        ({"MCP_ALLOWED_HOSTS": "pve.lan:81"}, None, "http://pve.lan:81/console/"),
        ({"MCP_CONSOLE_HOST": "console.lan", "MCP_ALLOWED_HOSTS": "pve.lan"}, None, "http://console.lan:8000/console/"),
        ({"MCP_PUBLIC_URL": "https://pve.example.org/x"}, 8011, "https://pve.example.org/x/console/"),
    ],
)
def test_people_are_told_the_address_that_the_settings_name(
    settings: dict[str, str], port: int | None, address: str
) -> None:
    assert console_address(load_settings(settings).server, port) == address


@pytest.mark.parametrize(
    ("settings", "serves_clients", "mcp"),
    [
        ({}, True, None),
        ({}, False, ""),
        ({"MCP_CONSOLE_PORT": "8010"}, True, "http://127.0.0.1:8000"),
        ({"MCP_CONSOLE_PORT": "8010"}, False, ""),
        (
            {"MCP_CONSOLE_HOST": "console.lan", "MCP_ALLOWED_HOSTS": "pve.lan", "MCP_ROOT_PATH": "/x"},
            True,
            "http://pve.lan:8000/x",
        ),
    ],
)
def test_clients_connect_where_the_console_is_unless_it_is_apart(
    settings: dict[str, str], serves_clients: bool, mcp: str | None, tmp_path: Path
) -> None:
    read = load_settings({"MCP_STATE_DIR": str(tmp_path), **settings})
    console = console_of(read, None, Passwords(""), serves_clients=serves_clients)
    with closing(console.store), closing(console.activity):
        assert console.mcp == mcp


def test_wrong_settings_are_shown_and_an_audit_file_that_can_not_be_written(tmp_path: Path) -> None:
    read = load_settings({"MCP_STATE_DIR": str(tmp_path), "MCP_AUDIT_FILE": str(tmp_path / "none" / "audit.jsonl")})
    console = console_of(read, SettingsError("PROXMOX_HOST is not set.", "Set it."), Passwords(""))
    with closing(console.store), closing(console.activity):
        assert console.gateway is None
        assert not console.clusters
        assert "PROXMOX_HOST is not set." in console.faults
        assert "there is no directory" in console.audit_fault()


@pytest.mark.parametrize(
    ("settings", "asks"),
    [({}, False), ({"MCP_AUTH_TOKEN": "a-token-of-an-mcp-client"}, True)],
)
def test_clients_need_a_token_where_the_settings_have_one(settings: dict[str, str], asks: bool, tmp_path: Path) -> None:
    console = console_of(load_settings({"MCP_STATE_DIR": str(tmp_path), **settings}), None, Passwords(""))
    with closing(console.store), closing(console.activity):
        assert console.asks_token is asks
