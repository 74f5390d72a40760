"""The file of settings: a shell reads it as we do, it is private, and a secret never meets another's host."""

from __future__ import annotations

import os
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxmox_mcp.errors import SettingsError
from proxmox_mcp.settings_file import apply, default_path, locate, read, updated, write
from tools import required

if TYPE_CHECKING:
    from pathlib import Path

VALUES = {"PROXMOX_HOST": "pve1,10.0.0.2:8006", "PROXMOX_PASSWORD": 'p w$x"#y;z', "MCP_AUTH_TOKEN": "a-b_c"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "settings.env"
    write(path, updated(path, VALUES))
    return path


def test_what_is_written_is_read_again(file: Path) -> None:
    assert read(file) == VALUES


def test_a_shell_reads_the_same_values(file: Path) -> None:
    shell = required("dash", "bash")
    for name, value in VALUES.items():
        told = subprocess.run(
            [shell, "-c", f'. "$1"; printf %s "${name}"', "sh", str(file)], capture_output=True, text=True, check=True
        )
        assert told.stdout == value


@given(value=st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="'"), min_size=1))
def test_any_value_without_quote_and_line_break_survives(value: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("values") / ".env"
    write(path, updated(path, {"PROXMOX_PASSWORD": value}))
    assert read(path) == {"PROXMOX_PASSWORD": value}


@pytest.mark.parametrize("value", ["it's", "two\nlines", "nul\0"])
def test_a_value_that_the_form_can_not_hold_is_refused_without_being_shown(tmp_path: Path, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        updated(tmp_path / ".env", {"PROXMOX_PASSWORD": value})
    assert value not in str(caught.value)
    assert "PROXMOX_PASSWORD_FILE" in caught.value.advice


def test_other_lines_comments_and_the_order_stay(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("# mine\nMCP_PORT=9000\nexport PROXMOX_HOST=old # where\n\nMCP_MODE=full\nMCP_HOST=x\n")
    write(path, updated(path, {"PROXMOX_HOST": "new", "MCP_MODE": "", "MCP_AUTH_TOKEN": "t"}))
    assert path.read_text() == "# mine\nMCP_PORT=9000\nPROXMOX_HOST=new\n\nMCP_HOST=x\nMCP_AUTH_TOKEN=t\n"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=b", "b"),
        ("A = b # c", "b"),
        ("export A='b # c'", "b # c"),
        ('A="b\\"c" # d', 'b"c'),
        ("A=b#c", "b#c"),
        ("A=", ""),
    ],
)
def test_the_forms_that_people_write_are_read(tmp_path: Path, line: str, value: str) -> None:
    path = tmp_path / ".env"
    path.write_text(f"# comment\n\n{line}\n")
    assert read(path) == {"A": value}


@pytest.mark.parametrize("line", ["the-secret", "A='the-secret", "1A=the-secret", "A='the-secret' c"])
def test_a_line_that_can_not_be_read_is_named_by_its_number_alone(tmp_path: Path, line: str) -> None:
    path = tmp_path / ".env"
    path.write_text(f"# first\n{line}\n")
    with pytest.raises(SettingsError, match="line 2 can't be read") as caught:
        read(path)
    assert "the-secret" not in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="modes are those of POSIX")
def test_the_file_is_private_and_so_is_one_that_was_not(file: Path) -> None:
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o644)
    write(file, updated(file, {"MCP_PORT": "1"}))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_named_file_gives_the_whole_cluster_and_leaves_other_settings_of_the_environment(file: Path) -> None:
    environment = {"PROXMOX_HOST": "elsewhere", "PROXMOX_CA_FILE": "x", "MCP_AUTH_TOKEN": "mine", "PATH": "/bin"}
    assert apply(environment, file).used
    assert environment == {**VALUES, "MCP_AUTH_TOKEN": "mine", "PATH": "/bin"}


def test_the_default_file_counts_only_where_the_environment_describes_no_cluster(tmp_path: Path) -> None:
    environment = {"XDG_CONFIG_HOME": str(tmp_path)}
    path = default_path(environment)
    write(path, updated(path, VALUES))
    with_host = {**environment, "PROXMOX_HOST": "elsewhere"}
    assert not apply(with_host, None).used
    assert "PROXMOX_PASSWORD" not in with_host
    assert apply(environment, None).used
    assert environment["PROXMOX_PASSWORD"] == VALUES["PROXMOX_PASSWORD"]


def test_a_secret_that_the_environment_names_by_file_is_not_given_twice(file: Path) -> None:
    environment = {"MCP_AUTH_TOKEN_FILE": "/run/secrets/token"}
    apply(environment, file)
    assert "MCP_AUTH_TOKEN" not in environment


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="modes are those of POSIX")
def test_a_default_file_that_others_can_write_is_not_read(tmp_path: Path) -> None:
    environment = {"XDG_CONFIG_HOME": str(tmp_path)}
    path = default_path(environment)
    write(path, updated(path, VALUES))
    path.chmod(0o666)
    with pytest.raises(SettingsError, match="can be written by others"):
        apply(environment, None)


def test_a_named_file_must_be_there_unless_it_is_to_be_made(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="There is no file"):
        apply({}, tmp_path / "none")
    assert locate({}, tmp_path / "none").path == tmp_path / "none"
