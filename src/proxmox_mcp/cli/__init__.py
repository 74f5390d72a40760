"""The command line. Each command is imported when it is called, so that a start costs what that command needs."""

from __future__ import annotations

import importlib
import sys

import click

from proxmox_mcp import __version__
from proxmox_mcp.cli import startup
from proxmox_mcp.cli.commands import SuggestingGroup
from proxmox_mcp.errors import ProxmoxMcpError, SettingsError

_COMMANDS = {
    "serve": "proxmox_mcp.cli.serve:serve",
    "demo": "proxmox_mcp.cli.demo:demo",
    "doctor": "proxmox_mcp.cli.doctor:doctor",
    "search": "proxmox_mcp.cli.schema:search",
    "check": "proxmox_mcp.cli.schema:check",
    "call": "proxmox_mcp.cli.call:call",
    "index": "proxmox_mcp.cli.schema:index",
    "openapi": "proxmox_mcp.cli.schema:openapi",
    "policy": "proxmox_mcp.cli.guard:policy",
    "token": "proxmox_mcp.cli.guard:token",
    "approvals": "proxmox_mcp.cli.guard:approvals",
    "approve": "proxmox_mcp.cli.guard:approve",
    "deny": "proxmox_mcp.cli.guard:deny",
    "secret": "proxmox_mcp.cli.guard:secret",
    "audit": "proxmox_mcp.cli.guard:audit",
    "completion": "proxmox_mcp.cli.completion:completion",
}


class _Commands(SuggestingGroup):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="proxmox-mcp")
def commands() -> None:
    """Proxmox VE for language models: few tools over its whole API, each call checked and guarded.

    \b
    First steps   proxmox-mcp demo, then proxmox-mcp doctor
    Completion    proxmox-mcp completion --help
    Upgrade       git pull in the checkout, then install it again as you did before
    Removal       pipx uninstall proxmox-mcp-gateway
                  uv tool uninstall proxmox-mcp-gateway
    """


def main() -> None:
    """Run the command line; an error of ours is a message, not a traceback. Exit status: 0, 1, or 2 for settings."""
    startup.begin()
    try:
        commands(prog_name="proxmox-mcp")
    except SettingsError as error:
        _complain(error)
        sys.exit(2)
    except ProxmoxMcpError as error:
        _complain(error)
        sys.exit(1)


def _complain(error: ProxmoxMcpError) -> None:
    click.echo(f"{click.style('error', fg='red', bold=True)} [{error.code}] {error.message}", err=True)
    if error.advice:
        click.echo(error.advice, err=True)
