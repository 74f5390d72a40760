"""Who runs a command, and the record of what they did by it."""

# Tested through tests/cli/test_operator_commands.py.

from __future__ import annotations

import getpass
import os
from typing import TYPE_CHECKING, Any

import click

from proxmox_mcp.assembly import audit_of
from proxmox_mcp.errors import AuditError
from proxmox_mcp.record.activity import ActivityLog

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.settings import Settings
    from proxmox_mcp.store import Store


def operator() -> str:
    """The name of the user, or the number of one without a name."""
    return user() or (f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown")


def user() -> str:
    """The name of the user; empty where the system knows no name, as often in a container."""
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # KeyError until Python 3.12, OSError from 3.13 on
        return ""


def put_on_record(
    settings: Settings, store: Store, event: str, details: Mapping[str, Any], *, said: str = "It is done"
) -> None:
    """Put on record what was done, as the console does. Where it can't be recorded, that is told after ``said``."""
    try:
        audit_of(settings, ActivityLog(store)).act(event, operator(), details)
    except AuditError as error:
        click.echo(f"{said}, but was not put on record: {error}", err=True)
