"""``proxmox-mcp console``: links, passwords and the end of sessions."""

from __future__ import annotations

import subprocess
from pathlib import Path

import anyio
import pytest
from click.testing import CliRunner

from command_line import run_here as run
from forked import COMMAND
from proxmox_mcp.cli import commands
from proxmox_mcp.store import Store
from proxmox_mcp.web import Passwords, Person, Role, Sessions
from serving import environment

SITE = "http://127.0.0.1:8000"
PASSWORD = "a long enough password"


@pytest.fixture
def state(tmp_path: Path) -> dict[str, str]:
    """The settings that name the state."""
    return {"MCP_STATE_DIR": str(tmp_path / "of-the-state")}


@pytest.fixture
def sessions(state: dict[str, str]) -> Sessions:
    return Sessions(Store.in_directory(Path(state["MCP_STATE_DIR"])))


def test_a_link_signs_in_the_person_whom_it_is_for(tmp_path: Path, state: dict[str, str], sessions: Sessions) -> None:
    told = run(tmp_path, "console", "link", "--as", "lena", "--role", "operator", **state)
    address, _, token = told.stdout.strip().partition("#")
    assert address == "http://127.0.0.1:8000/console/sign-in"
    assert told.stderr == "It signs in lena as operator, once, within 10 minutes.\n"
    assert sessions.redeem_link(token) == Person("lena", Role.OPERATOR)


def test_a_link_leads_to_where_the_console_is_served(tmp_path: Path, state: dict[str, str]) -> None:
    told = run(tmp_path, "console", "link", **state, MCP_CONSOLE_PORT="8011")
    assert told.stdout.startswith("http://127.0.0.1:8011/console/sign-in#")


@pytest.mark.parametrize("command", [("link", "--as"), ("password",)])
def test_what_can_not_be_the_name_of_a_person_is_refused(
    command: tuple[str, ...], tmp_path: Path, state: dict[str, str]
) -> None:
    told = run(tmp_path, "console", *command, "two words", **state)
    assert told.returncode
    assert "'two words' can't be the name of a person" in told.stderr


@pytest.mark.parametrize("command", [(), ("link",)])
def test_a_console_that_is_to_be_served_nowhere_is_refused(
    command: tuple[str, ...], tmp_path: Path, state: dict[str, str]
) -> None:
    told = run(tmp_path, "console", *command, **state, MCP_CONSOLE="off")
    assert (told.returncode, told.stdout) == (2, "")
    assert "MCP_CONSOLE=off: the console is served nowhere.\nSet MCP_CONSOLE=on, or unset it.\n" in told.stderr


def test_a_password_becomes_a_line_that_the_server_takes(state: dict[str, str]) -> None:
    typed = f"{PASSWORD}\n{PASSWORD}\n"
    told = CliRunner(env=state).invoke(commands, ["console", "password", "lena", "--role", "viewer"], input=typed)
    assert told.exit_code == 0
    assert PASSWORD not in told.output
    passwords = Passwords(told.stdout.strip())
    assert anyio.run(passwords.person, "lena", PASSWORD, "127.0.0.1") == Person("lena", Role.VIEWER)
    assert anyio.run(passwords.person, "lena", PASSWORD.upper(), "127.0.0.1") is None


def test_without_a_terminal_the_password_is_a_line_and_nothing_else_is_told(tmp_path: Path) -> None:
    words = [*COMMAND, "console", "password", "lena"]
    told = subprocess.run(
        words, input=f"{PASSWORD}\n", env=environment(tmp_path), capture_output=True, text=True, check=False
    )
    assert (told.returncode, told.stderr) == (0, "")
    passwords = Passwords(told.stdout.strip())
    assert anyio.run(passwords.person, "lena", PASSWORD, "127.0.0.1") == Person("lena", Role.ADMIN)


def test_signing_out_ends_all_sessions_and_voids_links(
    tmp_path: Path, state: dict[str, str], sessions: Sessions
) -> None:
    lena, otto = Person("lena", Role.ADMIN), Person("otto", Role.VIEWER)
    opened = [sessions.open(person, origin=SITE) for person in (lena, lena, otto)]
    unused = sessions.make_link(lena)
    assert run(tmp_path, "console", "sign-out", "--as", "otto", **state).stdout == "1 session ended.\n"
    assert [sessions.find(token) is not None for token in opened] == [True, True, False]
    assert run(tmp_path, "console", "sign-out", **state).stdout == "2 sessions ended.\n"
    assert [sessions.find(token) for token in opened] == [None] * 3
    assert sessions.redeem_link(unused) is None
