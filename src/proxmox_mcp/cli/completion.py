"""``proxmox-mcp completion``: the script that makes a shell complete commands and options."""

# Tested through tests/cli/test_commands.py.

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

_VARIABLE = "_PROXMOX_MCP_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for a shell.

    \b
    bash   echo 'eval "$(proxmox-mcp completion bash)"' >> ~/.bashrc
    zsh    echo 'eval "$(proxmox-mcp completion zsh)"' >> ~/.zshrc
    fish   proxmox-mcp completion fish > ~/.config/fish/completions/proxmox-mcp.fish

    It works in shells started afterwards. To uninstall it, remove the line or the file.
    """
    made = get_completion_class(shell)
    assert made is not None  # noqa: S101 - click supports these three
    click.echo(made(ctx.find_root().command, {}, "proxmox-mcp", _VARIABLE).source())
