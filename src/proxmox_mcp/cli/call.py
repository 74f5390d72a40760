"""``proxmox-mcp call``: one call through the same gateway as the tools."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import anyio
import click

from proxmox_mcp.assembly import gateway_of
from proxmox_mcp.cli.schema import pairs
from proxmox_mcp.errors import ConfirmationNeededError
from proxmox_mcp.gateway import Call
from proxmox_mcp.gateway.places import split_cursor
from proxmox_mcp.settings import load_settings
from proxmox_mcp.shape import View

if TYPE_CHECKING:
    from proxmox_mcp.gateway import Answer, Gateway


class _Terminal:
    """The person at the terminal, as a client."""

    def __init__(self, *, agrees: bool) -> None:
        self._agrees = agrees
        self.answer: Answer | None = None
        self.follows_progress = sys.stderr.isatty()

    can_be_asked = True
    """A token would be of no use here: it is good in the process that gave it, and that ends."""

    async def ask(self, question: str, token: str) -> bool:  # noqa: ARG002
        if self._agrees:
            click.echo(question, err=True)
            return True
        if sys.stdin.isatty():
            return click.confirm(question, default=False, err=True)
        statement = question.rpartition("\n")[0]
        raise ConfirmationNeededError(
            f"{statement}\nNothing was sent: there is nobody at a terminal to ask.",
            "Run it at a terminal, or add --yes once you agree with this.",
        )

    async def progress(self, done: float | None, text: str) -> None:
        if self.follows_progress:
            click.echo(f"{f'{done:4.0%} ' if done is not None else ''}{text}", err=True)


@click.command()
@click.argument("method")
@click.argument("path")
@click.argument("params", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--fields", default="", help="Only these columns, comma separated.")
@click.option("--filter", "condition", default="", help="Such as status=running and mem>80%.")
@click.option("--limit", type=int, help="Most rows.")
@click.option("--cursor", default="", help="The next page, from the last line of a result.")
@click.option("--wait", type=float, help="Seconds to follow a task.")
@click.option("--dry-run", is_flag=True, help="Say what would be sent; send nothing.")
@click.option("--confirm", default="", help="Number of an approval (proxmox-mcp approve).")
@click.option("--yes", is_flag=True, help="You have seen the effect and agree.")
@click.option("--cluster", default="", help="Which cluster, where several are configured.")
def call(
    method: str,
    path: str,
    params: tuple[str, ...],
    fields: str,
    condition: str,
    limit: int | None,
    cursor: str,
    wait: float | None,
    dry_run: bool,
    confirm: str,
    yes: bool,
    cluster: str,
) -> None:
    """Make one API call, checked and guarded as the tools' calls are."""
    places, line = split_cursor(cursor)
    asked = Call(
        tool="cli",
        method=method,
        path=path,
        data=pairs(params),
        view=View.of(fields, condition, limit, line),
        places=places,
        wait=wait,
        dry_run=dry_run,
        confirm=confirm,
        cluster=cluster,
    )
    click.echo(anyio.run(_run, gateway_of(load_settings()), asked, _Terminal(agrees=yes)))


async def _run(gateway: Gateway, asked: Call, terminal: _Terminal) -> str:
    try:
        return await gateway.call(asked, terminal)
    finally:
        for cluster in gateway.clusters.values():
            await cluster.pve.aclose()
