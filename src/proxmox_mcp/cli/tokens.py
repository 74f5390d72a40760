"""``proxmox-mcp token``: makes tokens for callers of this server."""

# Tested through tests/cli/test_operator_commands.py.

from __future__ import annotations

import click

from proxmox_mcp.cli.suggesting_group import SuggestingGroup
from proxmox_mcp.errors import CallError
from proxmox_mcp.policy.callers import NAME_IS, is_name, new_token


@click.group(cls=SuggestingGroup)
def token() -> None:
    """Make tokens for callers of this server."""


@token.command("new")
@click.argument("name", default="")
def new(name: str) -> None:
    """Make a token for MCP_AUTH_TOKEN, or with a NAME an entry for MCP_CALLERS_FILE."""
    made, digest = new_token()
    if name and not is_name(name):
        raise CallError(f"{name!r} can't be the name of a caller.", f"It must be {NAME_IS}.")
    if not name:
        click.echo(f"MCP_AUTH_TOKEN={made}")
        return
    click.echo(f"The token, which is shown only now: {made}", err=True)
    click.echo(f'[[caller]]\nname = "{name}"\ntoken_sha256 = "{digest}"\nmode = "guarded"')
