"""The pages of ``setup`` and ``connect`` name what these take."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from proxmox_mcp.cli import commands
from proxmox_mcp.clients import CLIENTS

DOCS = Path(__file__).parents[2] / "docs"
ELSEWHERE = {"connect": {"--no-token", "--file", "--name"}, "disconnect": {"--file", "--name", "--yes"}}
"""Options that need no more than their line of the help."""


@pytest.mark.parametrize(
    ("command", "page"), [("setup", "setup"), ("connect", "connect-clients"), ("disconnect", "connect-clients")]
)
def test_a_page_names_every_option_of_its_command(command: str, page: str) -> None:
    found = commands.get_command(click.Context(commands), command)
    assert found is not None
    options = {name for each in found.params if isinstance(each, click.Option) for name in each.opts}
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    assert {option for option in options - ELSEWHERE.get(command, set()) if f"`{option}" not in text} == set()


def test_the_page_about_clients_names_every_client() -> None:
    text = (DOCS / "connect-clients.md").read_text(encoding="utf-8")
    assert [key for key in CLIENTS if f"`{key}`" not in text] == []
