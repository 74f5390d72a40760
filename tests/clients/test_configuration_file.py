"""A client's file: the difference shows no secret, and writing keeps a copy, the mode, and links."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING

import pytest

from patience import processor_seconds
from proxmox_mcp.clients import (
    CLAUDE_CODE,
    CLIENTS,
    GEMINI,
    TOKEN,
    VS_CODE,
    Entry,
    KnownClient,
    local_entry,
    remote_entry,
    with_entry,
    without_entry,
    write,
    written,
)
from proxmox_mcp.errors import CallError

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "s3cret-of-this-test"
BASE = "https://mcp.example.org"


def remote(client: KnownClient, secret: str = SECRET, *, in_file: bool = False) -> Entry:
    return remote_entry(client, BASE, written(client, TOKEN, secret, in_file=in_file))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "settings.json"
    path.write_text('{\n  // mine\n  "mcpServers": {"other": {"env": {"KEY": "another-secret"}}}\n}\n')
    path.chmod(0o644)
    return path


@pytest.mark.parametrize("client", CLIENTS.values(), ids=str)
@pytest.mark.parametrize("in_file", [True, False])
def test_the_difference_shows_neither_our_secret_nor_those_of_others(
    file: Path, client: KnownClient, in_file: bool
) -> None:
    write(with_entry(file, client, "proxmox", remote(client, "the-old-secret", in_file=True)))
    for change in (
        with_entry(file, client, "proxmox", remote(client, in_file=in_file)),
        without_entry(file, client, "proxmox"),
    ):
        assert not any(secret in change.difference for secret in (SECRET, "the-old-secret", "another-secret"))


def test_an_entry_that_others_wrote_is_shown_without_its_secrets(file: Path) -> None:
    entry = {
        "url": "https://me:pass-word@example.org/mcp",
        "headers": {"X-Key": "key-1"},
        "args": ["--header", "Authorization: Bearer key-2"],
        "env": {"API_KEY": "key-3", "PROXMOX_HOST": "pve1", "PROXMOX_PASSWORD": "key-4", "OTHER": "$VARIABLE"},
    }
    file.write_text(json.dumps({"mcpServers": {"proxmox": entry}}))
    shown = without_entry(file, GEMINI, "proxmox").difference
    assert not any(each in shown for each in ("pass-word", "key-1", "key-2", "key-3", "key-4"))
    assert "pve1" in shown
    assert "$VARIABLE" in shown
    assert "example.org/mcp" in shown


def test_the_lines_that_differ_are_marked(file: Path) -> None:
    old, new = ({"command": command, "trust": True} for command in ("old", "new"))
    file.write_text(json.dumps({"mcpServers": {"proxmox": old}}))
    assert with_entry(file, GEMINI, "proxmox", Entry(new)).difference.splitlines() == [
        "  {",
        '    "mcpServers": {',
        '      "proxmox": {',
        '-       "command": "old",',
        '+       "command": "new",',
        '        "trust": true',
        "      }",
        "    }",
        "  }",
    ]
    unchanged = with_entry(file, GEMINI, "proxmox", Entry(old)).difference.splitlines()
    assert {line[:2] for line in unchanged} == {"  "}
    removed = without_entry(file, GEMINI, "proxmox").difference.splitlines()
    assert {line[:2] for line in removed} == {"- "}


def test_the_difference_of_a_long_entry_is_linear_work(file: Path) -> None:
    old, new = ({"args": [f"option-{number * step}" for number in range(20_000)]} for step in (1, 7))
    file.write_text(json.dumps({"mcpServers": {"proxmox": old}}))
    assert processor_seconds(lambda: with_entry(file, GEMINI, "proxmox", Entry(new))) < 10


def test_a_copy_of_the_file_as_it_was_is_kept_and_never_replaced(file: Path) -> None:
    before = file.read_bytes()
    first = write(with_entry(file, GEMINI, "proxmox", remote(GEMINI)))
    second = write(without_entry(file, GEMINI, "proxmox"))
    assert first is not None
    assert second is not None
    assert first != second
    assert first.read_bytes() == before
    assert mode(first) == 0o644
    assert "proxmox" not in json.dumps(json.loads(file.read_text().replace("// mine", "")))
    assert "// mine" in file.read_text()


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="modes are those of POSIX")
def test_the_mode_is_kept_and_a_file_with_a_secret_becomes_private(file: Path) -> None:
    write(with_entry(file, GEMINI, "proxmox", remote(GEMINI)))
    assert mode(file) == 0o644
    write(with_entry(file, CLAUDE_CODE, "proxmox", remote(CLAUDE_CODE)))
    assert mode(file) == 0o600
    assert SECRET in file.read_text()
    new = file.with_name("new.json")
    assert write(with_entry(new, GEMINI, "proxmox", remote(GEMINI))) is None
    assert mode(new) == 0o600


def test_a_link_stays_a_link(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.json"
    link.symlink_to(file)
    write(with_entry(link, GEMINI, "proxmox", remote(GEMINI)))
    assert link.is_symlink()
    assert "proxmox" in file.read_text()


def test_a_file_that_changed_in_the_meantime_is_not_overwritten(file: Path) -> None:
    change = with_entry(file, GEMINI, "proxmox", remote(GEMINI))
    file.write_text('{"mine": 1}')
    with pytest.raises(CallError, match="has changed in the meantime"):
        write(change)
    assert file.read_text() == '{"mine": 1}'
    assert [each.name for each in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize("content", [b'{"a" 1}', b"[]", b"\xff\xfe", b'{"mcpServers": 5}'])
def test_a_file_that_can_not_be_read_stays_and_the_message_says_why(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "settings.json"
    path.write_bytes(content)
    with pytest.raises(CallError) as caught:
        with_entry(path, GEMINI, "proxmox", remote(GEMINI))
    assert str(path) in caught.value.message
    assert "--print" in caught.value.advice
    assert path.read_bytes() == content


def test_vs_code_asks_for_the_secret_once_and_no_more_after_the_removal(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    path.write_text('{"inputs": [{"id": "mine", "type": "promptString", "description": "mine"}], "servers": {}}')
    write(with_entry(path, VS_CODE, "proxmox", remote(VS_CODE)))
    write(with_entry(path, VS_CODE, "second", remote(VS_CODE)))
    assert [each["id"] for each in json.loads(path.read_text())["inputs"]] == ["mine", "proxmox-mcp-token"]
    write(without_entry(path, VS_CODE, "proxmox"))
    assert [each["id"] for each in json.loads(path.read_text())["inputs"]] == ["mine", "proxmox-mcp-token"]
    write(without_entry(path, VS_CODE, "second"))
    assert json.loads(path.read_text()) == {
        "inputs": [{"id": "mine", "type": "promptString", "description": "mine"}],
        "servers": {},
    }


@pytest.mark.parametrize("client", CLIENTS.values(), ids=str)
def test_setting_the_same_entry_again_and_removing_one_that_is_not_there_change_nothing(
    tmp_path: Path, client: KnownClient
) -> None:
    path, entry = tmp_path / "deep" / "file.json", local_entry(client, ["proxmox-mcp", "serve", "--stdio"], {}, None)
    write(with_entry(path, client, "proxmox", entry))
    assert with_entry(path, client, "proxmox", entry).is_empty
    assert without_entry(path, client, "other").is_empty


@pytest.mark.parametrize("client", CLIENTS.values(), ids=str)
@pytest.mark.parametrize("system", ["linux", "macos", "windows"])
def test_every_client_has_a_file_in_the_home_of_the_user(tmp_path: Path, client: KnownClient, system: str) -> None:
    path = client.file(system, tmp_path, {})  # type: ignore[arg-type]
    assert path.is_relative_to(tmp_path)
    assert path.suffix == ".json"
