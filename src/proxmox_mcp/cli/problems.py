"""``proxmox-mcp problems``: what is wrong in the cluster, as a table for people or as JSON."""

# Tested through tests/scenarios/test_problems.py.

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import anyio
import click
from msgspec.structs import asdict

from proxmox_mcp.cli.cluster_reads import CLUSTER, opened_gateway
from proxmox_mcp.errors import ApidocError
from proxmox_mcp.gateway import FOR_PEOPLE, Request
from proxmox_mcp.gateway.cluster import cluster_for
from proxmox_mcp.gateway.problems import RESOURCES, age_of, problems_of
from proxmox_mcp.proxmox.problems import TITLES
from proxmox_mcp.render.units import number_of
from proxmox_mcp.untrusted import flat

if TYPE_CHECKING:
    from proxmox_mcp.proxmox.problems import ClusterProblem, ProblemReport

_COLOURS = {"error": "red", "warning": "yellow"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@CLUSTER
def problems(as_json: bool, cluster: str) -> None:
    """List what is wrong in the cluster, with where to look next.

    Offline nodes, quorum, HA and replication errors, storages over 85%, failed services, failed tasks since yesterday,
    certificates that run out, locked guests, guests without a fresh backup. What could not be read is listed too.

    Exit status: 0 no problems, 1 problems, or something could not be read, 2 wrong settings or options.
    """
    report = anyio.run(_read, Request(path=RESOURCES, tool="cli", wording=FOR_PEOPLE, cluster=cluster))
    if as_json:
        click.echo(json.dumps(_as_data(report), ensure_ascii=False, indent=2))
    else:
        _print(report)
    sys.exit(1 if report.problems or report.unread else 0)


async def _read(request: Request) -> ProblemReport:
    async with opened_gateway() as gateway:
        try:
            await cluster_for(gateway.clusters, request).schema.refresh()
        except ApidocError as error:
            click.echo(f"The node's own schema is unavailable: {error.message}", err=True)
        return (await problems_of(gateway, request))[1]


def _as_data(report: ProblemReport) -> dict[str, Any]:
    return {
        "taken": report.taken,
        "problems": [
            {
                "kind": each.kind,
                "severity": each.severity,
                "subject": each.subject,
                "node": each.node,
                "said": each.said,
                "when": each.when,
                "look": each.look,
            }
            for each in report.problems
        ],
        "unread": [asdict(each) for each in report.unread],
    }


def _print(report: ProblemReport) -> None:
    # 0.05 s of CPU to import, which --json does not need.
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    errors = sum(each.severity == "error" for each in report.problems)
    warnings = len(report.problems) - errors
    counts = f"{number_of(errors, 'error')}, {number_of(warnings, 'warning')}"
    console.print(counts if report.problems else "No problems")
    for kind, found in report.of_kind().items():
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 2))
        for problem in found:
            table.add_row(*(Text(flat(cell)) for cell in _row(problem, report.taken)))
        heading = Text(f"\n{TITLES[kind]}", style=f"bold {_COLOURS[found[0].severity]}")
        console.print(heading)
        console.print(table)
        console.print(Text(f"  Next: proxmox-mcp call GET {found[0].look}", style="dim"))
    if report.unread:
        console.print(Text("\ncould not be read", style="bold"))
    for each in report.unread:
        console.print(Text(flat(f"  {each.what}{f' of {each.of}' if each.of else ''}: {each.why}")))


def _row(problem: ClusterProblem, now: float) -> tuple[str, str, str]:
    return problem.subject, age_of(problem, now), problem.said
