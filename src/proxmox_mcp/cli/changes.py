"""``proxmox-mcp changes`` and ``undo``: what was written, with the state before and after, and the way back."""

from __future__ import annotations

import json
import re
import time
from contextlib import aclosing
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import anyio
import click

from proxmox_mcp.assembly import changes_of, gateway_of, redactor_of, store_of
from proxmox_mcp.cli.cluster_reads import CLUSTER
from proxmox_mcp.cli.interrupts import telling_what_goes_on
from proxmox_mcp.cli.suggesting_group import SuggestingGroup
from proxmox_mcp.cli.terminal_client import TerminalClient
from proxmox_mcp.errors import CallError
from proxmox_mcp.gateway import FOR_PEOPLE, Request
from proxmox_mcp.record.changes_text import as_data, described, listing
from proxmox_mcp.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from proxmox_mcp.gateway import Gateway
    from proxmox_mcp.record.changes import Changes

_AGE = re.compile(r"(\d{1,6})([mhdw])")
_STEPS_STAY = "Steps that were sent stay done: `proxmox-mcp changes` lists them."
_SECONDS = {"m": 60, "h": 3600, "d": 86400, "w": 604_800}


@click.group(cls=SuggestingGroup, invoke_without_command=True)
@click.option("--guest", type=int, help="Only changes of this guest (its number).")
@click.option("--since", default="", help="Only changes since then: an age (2h, 3d, 1w) or a date (2026-11-28).")
@click.option("--caller", default="", help="Only changes of this caller.")
@click.option("--json", "as_json", is_flag=True, help="Print the changes as JSON.")
@click.pass_context
def changes(context: click.Context, guest: int | None, since: str, caller: str, as_json: bool) -> None:
    """List what was written, newest first, and whether it can be undone."""
    if context.invoked_subcommand:
        return
    found = _changes().listed(caller=caller, guest=guest, since=_moment(since))
    if as_json:
        click.echo(json.dumps([as_data(each) for each in found], indent=2, ensure_ascii=False))
        return
    click.echo(listing(found) if found else "No change is on record.")


@changes.command()
@click.argument("number", type=int)
@click.option("--json", "as_json", is_flag=True, help="Print the change as JSON.")
def show(number: int, as_json: bool) -> None:
    """Show one change: values before and after, who confirmed it, and how it is undone."""
    change = _changes().get(number)
    click.echo(json.dumps(as_data(change), indent=2, ensure_ascii=False) if as_json else described(change))


@changes.command()
@click.option("--older-than", default="30d", show_default=True, help="Only snapshots of this age (12h, 30d, 8w).")
@click.option("--dry-run", is_flag=True, help="Show what would be deleted, and send nothing.")
@click.option("--yes", is_flag=True, help="Confirm it without a question.")
@click.option("--confirm", default="", help="Number of an approval (proxmox-mcp approve).")
@CLUSTER
def prune(older_than: str, dry_run: bool, yes: bool, confirm: str, cluster: str) -> None:
    """Delete old snapshots that were taken because a rule asks for them (snapshot = true).

    \b
    proxmox-mcp changes prune --older-than 30d --dry-run
    proxmox-mcp changes prune --older-than 8w

    Other snapshots are left alone. It is a plan of deletions: stated, confirmed once, each a change on record. Exit
    status: 0 done or nothing to do, 1 refused, declined or failed, 2 wrong settings or options, 130 interrupted.
    """
    gateway = gateway_of(load_settings())
    request = Request(path="/", tool="cli", wording=FOR_PEOPLE, dry_run=dry_run, confirm=confirm, cluster=cluster)
    terminal = TerminalClient(agrees=yes)
    doing = partial(gateway.prune, time.time() - _seconds(older_than), request, terminal)
    click.echo(_run(gateway, terminal, doing))


@click.command()
@click.argument("which", nargs=-1, required=True, metavar="NUMBER | plan NUMBER")
@click.option("--dry-run", is_flag=True, help="Show what would be sent, and send nothing.")
@click.option("--yes", is_flag=True, help="Confirm it without a question: you know its effects.")
@click.option("--confirm", default="", help="Number of an approval (proxmox-mcp approve).")
def undo(which: tuple[str, ...], dry_run: bool, yes: bool, confirm: str) -> None:
    """Undo a change, or all changes of a plan, by a plan of inverse calls.

    \b
    proxmox-mcp undo 41
    proxmox-mcp undo plan 12 --dry-run

    It is refused, with the difference, where the same values were changed since. Exit status: 0 done, 1 refused,
    declined or failed, 2 wrong settings or options, 130 interrupted.
    """
    gateway = gateway_of(load_settings())
    request = Request(path="/", tool="cli", wording=FOR_PEOPLE, dry_run=dry_run, confirm=confirm)
    terminal = TerminalClient(agrees=yes)
    click.echo(_run(gateway, terminal, partial(gateway.undo, " ".join(which), request, terminal)))


def _run(gateway: Gateway, terminal: TerminalClient, doing: Callable[[], Awaitable[str]]) -> str:
    with terminal.telling_what_was_declined(), telling_what_goes_on(gateway, _STEPS_STAY):
        return anyio.run(_done, gateway, doing)


async def _done(gateway: Gateway, doing: Callable[[], Awaitable[str]]) -> str:
    async with aclosing(gateway):
        return await doing()


def _moment(since: str) -> float:
    if not since:
        return 0.0
    if _AGE.fullmatch(since):
        return time.time() - _seconds(since)
    try:
        return datetime.fromisoformat(since).timestamp()
    except ValueError:
        said = f"{since!r} is neither an age nor a date."
        raise CallError(said, "Write 30m, 2h, 3d, 1w, or 2026-11-28, or 2026-11-28T14:00.") from None


def _seconds(age: str) -> float:
    found = _AGE.fullmatch(age)
    if found is None:
        raise CallError(f"{age!r} is not an age.", "Write 30m, 12h, 30d or 8w.")
    return int(found[1]) * _SECONDS[found[2]]


def _changes() -> Changes:
    settings = load_settings()
    return changes_of(settings.server, store_of(settings.server), redactor_of(settings))
