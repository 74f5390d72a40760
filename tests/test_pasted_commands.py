"""The commands in the documents, read as the shell reads them when somebody pastes a whole block."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from proxmox_mcp.cli import commands
from tools import required

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
PAGES = sorted([*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md")])
_GOES_ON = {"serve", "demo"}
"""Commands that run until they are ended: what is pasted behind them is lost, or read as their input."""
_BETWEEN = {";", "&&", "||", "|", "&", "(", ")", ";;", "|&"}


def blocks(page: Path) -> Iterator[str]:
    """The shell blocks of a page, without the indentation of a list."""
    text = page.read_text(encoding="utf-8")
    for found in re.finditer(r"^( *)```(?:sh|bash|shell|console)\n(.*?)^\1```$", text, re.MULTILINE | re.DOTALL):
        yield re.sub(rf"^{found[1]}", "", found[2], flags=re.MULTILINE)


def documents(block: str) -> str:
    """A block without the here-documents in it."""
    return re.sub(r"<<'?(\w+)'?\n.*?^\1$", "", block, flags=re.MULTILINE | re.DOTALL)


def words(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    return list(lexer)


def placeholders(block: str) -> list[str]:
    """What a shell would take for a redirection and was meant as something to fill in."""
    found = []
    for line in documents(block).splitlines():
        tokens = words(line)
        for operator, target in zip(tokens, [*tokens[1:], ""], strict=True):
            if operator.startswith("<") and operator != "<<" and not Path(target).is_absolute():
                found.append(f"{operator}{target}")
            if operator.startswith(">") and not re.match(r"[/~$\w]", target):
                found.append(f"{operator}{target}")
    return found


def ours(block: str) -> list[list[str]]:
    """The calls of ``proxmox-mcp`` in a block, in their order, as lists of arguments."""
    found = []
    for line in documents(block).replace("\\\n", " ").splitlines():
        command: list[str] = []
        for word in [*words(line), ";"]:
            if word not in _BETWEEN:
                command.append(word)
                continue
            names = [at for at, each in enumerate(command) if each.rpartition("/")[2] == "proxmox-mcp"]
            programs = ("docker", "git", "cd", "claude", "pip", "chmod", "mkdir", "systemctl", "gemini")
            if names and command[0].rpartition("/")[2] not in programs:
                found.append(command[names[-1] + 1 :])
            command = []
    return found


PASTED = [(page.name, block) for page in PAGES for block in blocks(page)]
IDS = [f"{name}-{at}" for at, (name, _) in enumerate(PASTED)]


def test_there_are_blocks_and_calls_of_ours_to_look_at() -> None:
    assert len(PASTED) > 25
    assert sum(len(ours(block)) for _, block in PASTED) > 10


@pytest.mark.parametrize(("name", "block"), PASTED, ids=IDS)
def test_a_shell_takes_the_block_and_trips_over_nothing(name: str, block: str) -> None:
    told = subprocess.run([required("bash"), "-n"], input=block, capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (0, "")
    assert placeholders(block) == []


@pytest.mark.parametrize(("name", "block"), PASTED, ids=IDS)
def test_every_call_of_ours_has_the_command_and_the_options_that_it_names(name: str, block: str) -> None:
    for arguments in ours(block):
        context, command = click.Context(commands, info_name="proxmox-mcp"), commands
        rest = list(arguments)
        while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
            info, found, rest = command.resolve_command(context, rest)
            assert found is not None
            command = found  # type: ignore[assignment]
            context = click.Context(command, info_name=info, parent=context)
        command.make_parser(context).parse_args(rest)


@pytest.mark.parametrize(("name", "block"), PASTED, ids=IDS)
def test_what_runs_until_it_is_ended_is_the_last_of_its_block(name: str, block: str) -> None:
    calls = [arguments for arguments in ours(block) if arguments]
    assert not [call for call in calls[:-1] if call[0] in _GOES_ON and "--once" not in call]


def test_the_first_thing_to_paste_is_a_clone_and_the_demo() -> None:
    first = next(blocks(ROOT / "README.md"))
    assert re.search(r"^git clone \S+ && cd \S+$", first, re.MULTILINE)
    assert ours(first) == [["demo"]]


def test_the_service_starts_what_its_page_installs() -> None:
    page = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    started = re.search(r"^ExecStart=(\S+)/bin/proxmox-mcp serve$", page, re.MULTILINE)
    settings = re.search(r"^EnvironmentFile=(\S+)$", page, re.MULTILINE)
    assert started
    assert settings
    pasted = "\n".join(blocks(ROOT / "docs" / "deploy.md"))
    assert f"python3 -m venv {started[1]} && {started[1]}/bin/pip install ." in pasted
    assert f"install --mode=0600 /dev/stdin {settings[1]}" in pasted
    assert f"{started[1]}/bin/proxmox-mcp doctor" in pasted


@pytest.mark.parametrize(
    "block",
    [
        "export PROXMOX_PASSWORD=<the token's secret>",
        "export PROXMOX_PASSWORD=<secret>",
        "docker run <image> doctor",
        "curl https://<host>/mcp",
        "curl -H 'x: y' <url> > out",
        "proxmox-mcp doctor --url > <file>",
    ],
)
def test_a_placeholder_in_angle_brackets_is_found(block: str) -> None:
    try:
        assert placeholders(block)
    except ValueError:  # not even the quotes are closed
        assert "'" in block


@pytest.mark.parametrize(
    "block",
    [
        "echo 'eval \"$(proxmox-mcp completion bash)\"' >> ~/.bashrc",
        "install /dev/stdin /etc/x <<'END'\nA=<b>\nEND\n",
        "docker login < /run/secret",
        "proxmox-mcp audit > lines.jsonl",
    ],
)
def test_a_real_redirection_is_none(block: str) -> None:
    assert placeholders(block) == []
