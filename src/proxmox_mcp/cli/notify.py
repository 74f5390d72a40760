"""``proxmox-mcp notify test``: sends a message to each channel, to see whether it arrives."""

# Tested through tests/notify/test_notifier.py.

from __future__ import annotations

import sys

import click

from proxmox_mcp.cli.suggesting_group import SuggestingGroup
from proxmox_mcp.errors import SettingsError
from proxmox_mcp.notify import Channels
from proxmox_mcp.notify.channels import Message
from proxmox_mcp.settings import load_settings

_TEST = Message("proxmox-mcp: test", "Notifications of this server arrive here.")


@click.group(cls=SuggestingGroup)
def notify() -> None:
    """Test the channels of notifications (MCP_NOTIFY)."""


@notify.command()
def test() -> None:
    """Send a message to each channel, and say which took it. Exit status 1 if one did not."""
    channels = Channels.of(load_settings().server.mcp_notify).each
    if not channels:
        raise SettingsError("MCP_NOTIFY is not set.", "Set it to an address such as ntfy://example.org/topic.")
    failed = False
    for channel in channels:
        taken = channel.send(_TEST)
        click.echo(f"{channel.name}: {'sent' if taken else 'FAILED'}", err=not taken)
        failed = failed or not taken
    sys.exit(1 if failed else 0)
