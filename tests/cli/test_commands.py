"""An unknown command is refused with the one that was probably meant; the shell completes those that there are."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner, Result

from patience import PATIENCE
from proxmox_mcp.cli import commands
from proxmox_mcp.cli.suggesting_group import SYNONYMS
from serving import environment
from tools import required

if TYPE_CHECKING:
    from pathlib import Path

NAMES = commands.list_commands(click.Context(commands))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(commands, arguments, prog_name="proxmox-mcp")


def slips(name: str) -> set[str]:
    """A name with a letter missing, doubled, or swapped with the next."""
    found = set()
    for at in range(len(name)):
        found |= {name[:at] + name[at + 1 :], name[:at] + name[at] + name[at:]}
        found.add(name[:at] + name[at : at + 2][::-1] + name[at + 2 :])
    return {each for each in found if len(each) > 2} - set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_slip_of_the_keyboard_is_answered_with_the_command(name: str) -> None:
    for slip in slips(name):
        told = run(slip)
        assert told.exit_code == 2
        assert f"proxmox-mcp {name}" in told.output, slip
        assert "Did you mean" in told.output


@pytest.mark.parametrize("group", ["policy", "token"])
def test_a_group_of_commands_does_the_same(group: str) -> None:
    found = commands.get_command(click.Context(commands), group)
    assert isinstance(found, click.Group)
    for name in found.commands:
        told = run(group, f"{name}s")
        assert told.exit_code == 2
        assert f"Did you mean: proxmox-mcp {group} {name}?" in told.output


@pytest.mark.parametrize("word", SYNONYMS)
def test_a_word_that_others_use_leads_to_a_command_that_is_there(word: str) -> None:
    told = run(word)
    assert told.exit_code == 2
    assert word not in NAMES
    meant = told.output.partition("Did you mean: proxmox-mcp ")[2].partition("?")[0].split()
    assert meant[0] in (*NAMES, "--version")


@pytest.mark.parametrize("method", ["GET", "post", "Put", "DELETE"])
def test_a_method_instead_of_a_command_suggests_a_call(method: str) -> None:
    told = run(method, "/nodes")
    assert told.exit_code == 2
    assert f"Did you mean: proxmox-mcp call {method.upper()} ...?" in told.output


def test_where_nothing_is_near_all_commands_are_named() -> None:
    told = run("frobnicate")
    assert told.exit_code == 2
    assert all(name in told.output for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_list_of_commands_has_the_first_sentence_of_the_help_of_each(name: str) -> None:
    command = commands.get_command(click.Context(commands), name)
    assert command is not None
    listed = " ".join(run("--help").output.partition("Commands:")[2].split())
    sentence = (command.help or "").partition("\n\n")[0].replace("\n", " ").partition(". ")[0]
    assert f"{name} {sentence.rstrip('.')}" in listed


def test_the_list_of_commands_imports_none_of_them() -> None:
    code = "import sys; from proxmox_mcp import cli; sys.argv[1:] = ['--help']; cli.main()"
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    imported = {line.rpartition("|")[2].strip() for line in told.stderr.splitlines()}
    assert "proxmox_mcp.cli" in imported
    assert not imported & {"pydantic", "mcp", "proxmoxer", "rich", *(f"proxmox_mcp.cli.{name}" for name in NAMES)}


@pytest.mark.parametrize("name", NAMES)
def test_every_command_explains_itself(name: str) -> None:
    told = run(name, "--help")
    assert told.exit_code == 0
    assert "Usage: proxmox-mcp" in told.output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell_asks_our_command(shell: str) -> None:
    told = run("completion", shell)
    assert told.exit_code == 0
    assert f"_PROXMOX_MCP_COMPLETE={shell}_complete" in told.output


def test_bash_completes_commands_and_options(tmp_path: Path) -> None:
    bash = required("bash")
    program = tmp_path / "proxmox-mcp"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m proxmox_mcp "$@"\n')
    program.chmod(0o755)
    typed = (
        'eval "$(proxmox-mcp completion bash)"\n'
        "COMP_WORDS=(proxmox-mcp ser) COMP_CWORD=1; _proxmox_mcp_completion proxmox-mcp; echo ${COMPREPLY[@]}\n"
        "COMP_WORDS=(proxmox-mcp call --dry) COMP_CWORD=2 COMPREPLY=(); _proxmox_mcp_completion proxmox-mcp\n"
        "echo ${COMPREPLY[@]}\n"
    )
    given = environment(tmp_path)
    told = subprocess.run(
        [bash, "-c", typed],
        env={**given, "PATH": f"{tmp_path}:{given['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    assert told.stdout.split() == ["serve", "--dry-run"]
