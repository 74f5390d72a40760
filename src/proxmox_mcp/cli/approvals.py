"""``proxmox-mcp approvals``, ``approve``, ``deny`` and ``secret``: what an operator decides, and what only they see."""

# Tested through tests/cli/test_call.py and tests/cli/test_operator_commands.py.

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from proxmox_mcp.assembly import store_of
from proxmox_mcp.cli.operator import operator, put_on_record
from proxmox_mcp.confirm.approvals import Approvals
from proxmox_mcp.errors import CallError
from proxmox_mcp.record.one_time_secrets import OneTimeSecrets
from proxmox_mcp.settings import load_settings

if TYPE_CHECKING:
    from proxmox_mcp.confirm.approvals import Approval

_LONGEST_REASON = 500


@click.command()
def approvals() -> None:
    """List the calls that wait for an approval, with their statements."""
    waiting = _approvals().pending()
    click.echo("\n\n".join(map(_described, waiting)) if waiting else "No call waits for an approval.")


@click.command()
@click.argument("number", type=int)
@click.option("--yes", is_flag=True, help="Don't ask again.")
def approve(number: int, yes: bool) -> None:
    """Approve a waiting call; it can then be made once within ten minutes."""
    click.echo(_described(_approvals().get(number)))
    if not (yes or _agrees()):
        click.echo("Not approved: it still waits.")
        sys.exit(1)
    _decide(number, approve=True)
    click.echo("Approved.")


def _agrees() -> bool:
    try:
        return click.confirm("Approve this?", default=False)
    except click.Abort:
        if sys.stdin.isatty():
            raise  # Ctrl-C
        click.echo()
        raise CallError("Not approved: there is no terminal to ask at.", "Add --yes if you agree.") from None


@click.command()
@click.argument("number", type=int)
@click.option("--reason", default="", help="What the model is told.")
def deny(number: int, reason: str) -> None:
    """Deny a waiting call."""
    _decide(number, approve=False, reason=reason)
    click.echo("Denied.")


@click.command()
@click.argument("number", type=int)
def secret(number: int) -> None:
    """Show a secret that a call returned (such as a new token), once."""
    found = OneTimeSecrets(store_of(load_settings().server)).take(number)
    created = datetime.fromtimestamp(found.created, UTC).isoformat(timespec="seconds")
    click.echo(f"{found.name} of {found.call}, called by {found.caller} at {created}:", err=True)
    click.echo(found.value)


def _approvals() -> Approvals:
    return Approvals(store_of(load_settings().server))


def _decide(number: int, *, approve: bool, reason: str = "") -> None:
    """Decide in the name of who runs the command."""
    settings, reason = load_settings(), " ".join(reason.split())[:_LONGEST_REASON]
    store = store_of(settings.server)
    Approvals(store).decide(number, approve=approve, by=operator(), reason=reason)
    event = "approval.approved" if approve else "approval.denied"
    put_on_record(settings, store, event, {"number": number, "reason": reason}, said="It is decided")


def _described(approval: Approval) -> str:
    age = int(time.time() - approval.created)
    client = f" with {approval.client}" if approval.client else ""
    head = f"#{approval.number} {approval.state}, asked {age // 60} min ago by {approval.caller}{client}"
    effects = f"\nEffects: {', '.join(approval.effects)}" if approval.effects else ""
    return f"{head}{effects}\n{approval.statement}"
