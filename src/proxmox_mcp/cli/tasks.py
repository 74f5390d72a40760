"""``proxmox-mcp tasks``: the tasks of all nodes, the newest first."""

# Tested through tests/e2e/test_administration.py.

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import anyio
import click

from proxmox_mcp.cli.cluster_reads import CLUSTER, JSON, matches, opened_gateway, records_of, resources
from proxmox_mcp.cli.table import Cell, TableColumn, table
from proxmox_mcp.gateway import FOR_PEOPLE, Request
from proxmox_mcp.render.units import number_of, short_duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxmox_mcp.render import Clock

    Record = Mapping[str, Any]

_TASKS = "/nodes/*/tasks"
_AS_ASKED = "as start and limit say."
"""How the note ends that says of a list no more than that it has only the rows that were asked for."""
_COLUMNS = (
    TableColumn("started"),
    TableColumn("took", right=True),
    TableColumn("node"),
    TableColumn("task"),
    TableColumn("of"),
    TableColumn("user"),
    TableColumn("result"),
)
_RUNNING = "running"
_MOST_SEARCHED = 500
"""Tasks of each node that are looked through for a WORD: Proxmox keeps many thousands."""


@click.command()
@click.argument("words", nargs=-1, metavar="[WORD]...")
@click.option("--failed", is_flag=True, help="Only tasks that ended with an error.")
@click.option("--running", is_flag=True, help="Only tasks that run.")
@click.option("--limit", type=click.IntRange(min=1), default=25, show_default=True, help="Maximum number of tasks.")
@JSON
@CLUSTER
def tasks(words: tuple[str, ...], failed: bool, running: bool, limit: int, as_json: bool, cluster: str) -> None:
    """List the tasks of all nodes, the newest first. Each WORD has to match.

    \b
    proxmox-mcp tasks --failed
    proxmox-mcp tasks web-01
    proxmox-mcp tasks vzdump pve2

    A WORD is part of a task's type, node, user or result, the number of a guest, or part of its name. Exit status 1 if
    no task matches.
    """
    if failed and running:
        raise click.UsageError("--failed and --running exclude each other.")
    parameters: dict[str, Any] = {
        "source": "active" if running else "all",
        "limit": max(limit, _MOST_SEARCHED) if words else limit,
    }
    found, names, clock, notes = anyio.run(_read, cluster, parameters | ({"errors": 1} if failed else {}))
    chosen = [each for each in found if all(_matches(each, word, names) for word in words)]
    chosen = [each for each in chosen if not (failed and _result(each) in ("OK", _RUNNING))]
    chosen = [each for each in chosen if not running or _result(each) == _RUNNING]
    newest = sorted(chosen, key=_started, reverse=True)[:limit]
    if as_json:
        click.echo(json.dumps(newest, indent=2))
    elif newest:
        click.echo(table(_COLUMNS, [_row(each, names, clock) for each in newest]))
        some = f"{len(newest)} of " if len(newest) < len(chosen) else ""
        click.echo(f"({some}{number_of(len(chosen), 'task')}; times in {clock.name})")
    else:
        click.echo("No task matches.", err=True)
    for note in _worth_saying(notes, searched=bool(words)):
        click.echo(note, err=True)
    sys.exit(0 if newest else 1)


async def _read(
    cluster: str, parameters: Mapping[str, Any]
) -> tuple[Sequence[Record], Mapping[str, str], Clock, Sequence[str]]:
    """The tasks, the names of guests by their numbers, the cluster's clock, and what could not be read."""
    async with opened_gateway() as gateway:
        found, everything = await resources(gateway, cluster)
        asked = Request(path=_TASKS, data=parameters, tool="cli", cluster=cluster, reads_only=True, wording=FOR_PEOPLE)
        result = await gateway.result(asked)
        names = {str(each["vmid"]): str(each.get("name", "")) for each in everything if "vmid" in each}
        return records_of(result.data, _TASKS), names, await found.time.clock(), result.notes


def _worth_saying(notes: Sequence[str], *, searched: bool) -> list[str]:
    """What could not be read; for a search also that there may be older tasks. A list of the newest needs no note."""
    kept = [note for note in notes if not note.endswith(_AS_ASKED)]
    cut = searched and len(kept) < len(notes)
    return [*kept, *([f"Only the newest {_MOST_SEARCHED} tasks of each node were looked through."] if cut else [])]


def _matches(task: Record, word: str, names: Mapping[str, str]) -> bool:
    of = str(task.get("id", ""))
    texts = [str(task.get(name, "")) for name in ("type", "node", "user")]
    return matches(word, [*texts, _result(task), names.get(of, "" if of.isdecimal() else of)], of)


def _row(task: Record, names: Mapping[str, str], clock: Clock) -> list[Cell]:
    began, ended, of = _started(task), task.get("endtime"), str(task.get("id", ""))
    took = (float(ended) if isinstance(ended, int | float) else clock.now) - began
    result = _result(task)
    warns = result.startswith("WARNINGS")
    colour = {"OK": "green", _RUNNING: "cyan"}.get(result, "yellow" if warns else "red")
    return [
        Cell(clock.moment(began) if clock.knows(began) else ""),
        Cell(short_duration(max(took, 0.0))),
        Cell.of(task.get("node", "")),
        Cell.of(task.get("type", "")),
        Cell.of(f"{of} {names[of]}" if names.get(of) else of),
        Cell.of(task.get("user", "")),
        Cell.of(result, colour),
    ]


def _started(task: Record) -> float:
    value = task.get("starttime")
    return float(value) if isinstance(value, int | float) else 0.0


def _result(task: Record) -> str:
    """``running`` (such a task has no end), ``OK``, or what went wrong."""
    if task.get("endtime") is None and task.get("status") in (None, "", "RUNNING", _RUNNING):
        return _RUNNING
    return str(task.get("status") or "unknown")
