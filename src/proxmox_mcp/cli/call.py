"""``proxmox-mcp call``: one API call through the same gateway as the tools."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

import anyio
import click

from proxmox_mcp.assembly import gateway_of
from proxmox_mcp.cli import result as output
from proxmox_mcp.cli.arguments import parse_parameters
from proxmox_mcp.cli.cluster_reads import CLUSTER
from proxmox_mcp.cli.interrupts import telling_what_goes_on
from proxmox_mcp.cli.terminal_client import TerminalClient
from proxmox_mcp.errors import ApidocError
from proxmox_mcp.gateway import FOR_PEOPLE, Request
from proxmox_mcp.gateway.cluster import cluster_for
from proxmox_mcp.gateway.places import split_cursor
from proxmox_mcp.render import View
from proxmox_mcp.settings import load_settings

if TYPE_CHECKING:
    from proxmox_mcp.gateway import Gateway
    from proxmox_mcp.gateway.answers import Result
    from proxmox_mcp.gateway.cluster import Cluster

_MAY_HAVE_BEEN_SENT = "The call may have been sent: `proxmox-mcp changes` and `proxmox-mcp tasks` show what was done."


@click.command()
@click.argument("method")
@click.argument("path")
@click.argument("params", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--fields", default="", help="Only these columns, separated by commas.")
@click.option("--filter", "condition", default="", help="Only rows that match, such as status=running and mem>80%.")
@click.option("--limit", type=int, help="Maximum number of rows.")
@click.option("--cursor", default="", help="Continue with the next page; the last line of a result names it.")
@click.option("--wait", type=float, help="Seconds to wait for a task.")
@click.option("--dry-run", is_flag=True, help="Show what would be sent, and send nothing.")
@click.option("--confirm", default="", help="Number of an approval (proxmox-mcp approve).")
@click.option("--yes", is_flag=True, help="Confirm the call without a question: you know its effects.")
@click.option("--json", "as_json", is_flag=True, help="Print the data as JSON; the rest goes to standard error.")
@CLUSTER
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
    as_json: bool,
    cluster: str,
) -> None:
    """Make one API call, checked and guarded like the tools' calls.

    \b
    proxmox-mcp call GET /nodes
    proxmox-mcp call GET '/nodes/*/qemu' --filter status=running --json
    proxmox-mcp call PUT '/nodes/*/qemu/web-03/config' memory=8192

    Parameters are KEY=VALUE; repeat a key for a list. A `*` stands for the node of a guest, and in a GET for all nodes,
    guests or storages. Calls that disrupt, destroy, run code or change rights ask for a confirmation. Exit status: 0
    done, 1 refused, declined or failed, 2 wrong settings or options, 130 interrupted.
    """
    places, line = split_cursor(cursor)
    asked = Request(
        tool="cli",
        wording=FOR_PEOPLE,
        method=method,
        path=path,
        data=parse_parameters(params),
        view=View.of(fields, condition, limit, line),
        places=places,
        wait=wait,
        dry_run=dry_run,
        confirm=confirm,
        cluster=cluster,
    )
    gateway, terminal = gateway_of(load_settings()), TerminalClient(agrees=yes)
    otherwise = "" if method.upper() == "GET" else _MAY_HAVE_BEEN_SENT
    with terminal.telling_what_was_declined(), telling_what_goes_on(gateway, otherwise):
        result = anyio.run(_run, gateway, asked, terminal)
    if as_json:
        notes = [result.told, *result.notes]
        click.echo(output.as_json(result, asked.view))
    else:
        notes = list(result.notes)
        click.echo(output.as_text(result, asked.view))
    for note in filter(None, notes):
        click.echo(note, err=as_json)


async def _run(gateway: Gateway, asked: Request, terminal: TerminalClient) -> Result:
    async with aclosing(gateway):
        await _learn_schema(cluster_for(gateway.clusters, asked))
        return await gateway.result(asked, terminal)


async def _learn_schema(cluster: Cluster) -> None:
    """Load the node's own schema, as a server does in the background soon after its start.

    Raises ProxmoxError: a node that can't answer with its version can't take the call either.
    """
    try:
        await cluster.schema.refresh()
    except ApidocError as error:
        click.echo(f"The node's own schema is unavailable: {error.message}", err=True)
        click.echo(f"Checked against {cluster.schema.load()}; Proxmox checks the rest.", err=True)
