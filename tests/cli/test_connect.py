"""``proxmox-mcp connect`` and ``disconnect``, as processes of their own in a home that is made for the test."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from command_line import run_here as run
from forked import COMMAND
from patience import PATIENCE
from proxmox_mcp.clients import CLIENTS
from serving import environment
from terminals import open_terminal

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "11111111-2222-3333-4444-555555555555"
TOKEN = "the-token-of-this-test"
CLUSTER = {"PROXMOX_HOST": "pve1.example.org", "PROXMOX_USER": "mcp@pve", "PROXMOX_TOKEN_ID": "mcp"}
URL = ("--url", "https://mcp.example.org/mcp")


def file_of(home: Path, client: str) -> Path:
    return CLIENTS[client].file("linux", home, {})


def entry_of(home: Path, client: str) -> dict[str, Any]:
    content = json.loads(file_of(home, client).read_text())
    return dict(content[CLIENTS[client].servers]["proxmox"])


@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_gets_the_command_with_the_file_of_settings_and_no_secret(tmp_path: Path, client: str) -> None:
    settings = tmp_path / "px.env"
    settings.write_text(
        "\n".join(f"{name}={value}" for name, value in CLUSTER.items()) + f"\nPROXMOX_PASSWORD={SECRET}\n"
    )
    told = run(tmp_path, "--env-file", str(settings), "connect", client, "--yes")
    assert told.returncode == 0, told.stderr
    entry = entry_of(tmp_path, client)
    assert entry["args"][-4:] == ["--env-file", str(settings), "serve", "--stdio"]
    assert "env" not in entry
    started = subprocess.run([entry["command"], *entry["args"][:-4], "--version"], capture_output=True, check=False)
    assert started.returncode == 0
    assert SECRET not in told.stdout + told.stderr + file_of(tmp_path, client).read_text()


@pytest.mark.parametrize("client", CLIENTS)
def test_settings_of_the_environment_go_along_and_the_secret_in_the_way_of_the_client(
    tmp_path: Path, client: str
) -> None:
    told = run(tmp_path, "connect", client, "--yes", **CLUSTER, PROXMOX_PASSWORD=SECRET)
    assert told.returncode == 0, told.stderr
    entry = entry_of(tmp_path, client)
    assert entry["env"].items() >= CLUSTER.items()
    kept = CLIENTS[client].secrets == "file"
    assert (entry["env"]["PROXMOX_PASSWORD"] == SECRET) == kept
    assert SECRET not in told.stdout + told.stderr
    assert ("Set PROXMOX_PASSWORD in the environment" in told.stdout) == (CLIENTS[client].secrets == "variable")


@pytest.mark.parametrize("client", CLIENTS)
def test_the_token_of_a_server_is_read_from_the_environment_and_never_shown(tmp_path: Path, client: str) -> None:
    told = run(tmp_path, "connect", client, *URL, "--yes", MCP_AUTH_TOKEN=TOKEN)
    assert told.returncode == 0, told.stderr
    text = file_of(tmp_path, client).read_text()
    assert "https://mcp.example.org/" in text
    assert (TOKEN in text) == (CLIENTS[client].secrets == "file")
    assert TOKEN not in told.stdout + told.stderr
    again = run(tmp_path, "connect", client, *URL, "--yes", "--token-in-file", MCP_AUTH_TOKEN=TOKEN)
    assert again.returncode == 0, again.stderr
    assert TOKEN in file_of(tmp_path, client).read_text()
    assert TOKEN not in again.stdout + again.stderr


@pytest.mark.parametrize("client", CLIENTS)
def test_print_shows_what_to_paste_without_a_secret_and_writes_nothing(tmp_path: Path, client: str) -> None:
    told = run(tmp_path, "connect", client, *URL, "--print", MCP_AUTH_TOKEN=TOKEN)
    assert "proxmox" in json.loads(told.stdout)[CLIENTS[client].servers]
    assert TOKEN not in told.stdout + told.stderr
    assert not file_of(tmp_path, client).exists()


def test_disconnect_removes_the_entry_alone(tmp_path: Path) -> None:
    file = file_of(tmp_path, "gemini")
    file.parent.mkdir()
    file.write_text('{"theme": "x", "mcpServers": {"other": {"command": "y"}}}')
    before = json.loads(file.read_text())
    assert run(tmp_path, "connect", "gemini", *URL, "--no-token", "--yes").returncode == 0
    assert "proxmox" in file.read_text()
    assert run(tmp_path, "disconnect", "gemini", "--yes").returncode == 0
    assert json.loads(file.read_text()) == before
    assert "has no server named proxmox" in run(tmp_path, "disconnect", "gemini", "--yes").stdout


def test_disconnecting_what_was_never_connected_makes_no_file(tmp_path: Path) -> None:
    told = run(tmp_path, "disconnect", "cursor", "--yes")
    assert told.returncode == 0
    assert told.stdout.startswith("Cursor has no server named proxmox")
    assert not (tmp_path / ".cursor").exists()


def test_without_a_terminal_nothing_is_written_unless_yes_is_said(tmp_path: Path) -> None:
    told = run(tmp_path, "connect", "cursor", *URL, "--no-token")
    assert told.returncode == 1
    assert '+       "url": "https://mcp.example.org/mcp"' in told.stderr
    assert "--yes" in told.stderr
    assert not file_of(tmp_path, "cursor").exists()


@pytest.mark.parametrize(("answer", "written"), [(b"y\n", True), (b"n\n", False)])
def test_at_a_terminal_the_difference_is_shown_and_the_answer_counts(
    tmp_path: Path, answer: bytes, written: bool
) -> None:
    ours, theirs = open_terminal()
    try:
        os.write(ours, answer)
        done = subprocess.run(
            [*COMMAND, "connect", "cursor", *URL, "--no-token"],
            env=environment(tmp_path),
            stdin=theirs,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert "Write this?" in done.stderr
    assert file_of(tmp_path, "cursor").exists() == written
    assert (done.returncode == 0) == written


def test_a_missing_token_is_told_with_the_ways_to_give_it(tmp_path: Path) -> None:
    told = run(tmp_path, "connect", "claude-code", *URL, "--yes")
    assert told.returncode == 2
    assert "MCP_AUTH_TOKEN_FILE" in told.stderr
    assert "--token-stdin" in told.stderr
    assert not file_of(tmp_path, "claude-code").exists()


def test_without_a_cluster_the_next_command_is_named(tmp_path: Path) -> None:
    told = run(tmp_path, "connect", "claude-code", "--yes")
    assert told.returncode == 2
    assert "proxmox-mcp setup" in told.stderr


def test_the_list_names_every_client_with_its_file(tmp_path: Path) -> None:
    told = run(tmp_path, "connect").stdout
    assert all(f"{key} " in told and str(file_of(tmp_path, key)) in told for key in CLIENTS)


@pytest.mark.parametrize("url", ["mcp.example.org", "ftp://x", "https://x y", "https://me:pw@x/mcp", "https://x/?a=b"])
def test_an_address_that_is_none_is_refused(tmp_path: Path, url: str) -> None:
    told = run(tmp_path, "connect", "cursor", "--url", url, "--no-token", "--yes")
    assert told.returncode == 1
    assert "is not an address" in told.stderr


def test_a_file_of_settings_that_others_can_read_is_named(tmp_path: Path) -> None:
    settings = tmp_path / "px.env"
    settings.write_text("MCP_AUTH_TOKEN=token-of-this-test\n")
    settings.chmod(0o644)
    assert f"can read {settings}" in run(tmp_path, "--env-file", str(settings), "connect").stderr
    settings.chmod(0o600)
    assert run(tmp_path, "--env-file", str(settings), "connect").stderr == ""


def test_a_broken_file_of_settings_does_not_disturb_a_shell_that_completes(tmp_path: Path) -> None:
    settings = tmp_path / "px.env"
    settings.write_text("no setting\n")
    assert run(tmp_path, "--env-file", str(settings), "completion", "bash").returncode == 0
    told = run(tmp_path, "--env-file", str(settings), "guests")
    assert told.returncode == 2
    assert "line 1 can't be read" in told.stderr
