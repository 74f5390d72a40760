"""``proxmox-mcp nodes`` and ``guests``: what there is, as tables for people or as JSON."""

# Tested through tests/e2e/test_administration.py.

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import anyio
import click

from proxmox_mcp.cli.cluster_reads import CLUSTER, FILTER, JSON, RESOURCES, matches, opened_gateway, resources
from proxmox_mcp.cli.table import Cell, TableColumn, table
from proxmox_mcp.gateway.suggestions import unseen_in
from proxmox_mcp.render import View
from proxmox_mcp.render.resources import KNOWN_FIELDS
from proxmox_mcp.render.selection import select
from proxmox_mcp.render.units import number_of, short_duration, size_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Record = Mapping[str, Any]

_KINDS = {"qemu": ("qemu", "vm"), "lxc": ("lxc", "ct", "container")}
"""The types of guests, and the words for them."""
_COLOURS = {"running": "green", "online": "green", "offline": "red", "unknown": "yellow"}
_GUEST_LIST = "/nodes/{node}/qemu"
"""An endpoint that lists guests: who may see its records may see all guests' records."""
_HIGH, _FULL = 0.8, 0.95
_LOAD = tuple(TableColumn(name, right=True) for name in ("cpu", "cores", "memory", "disk", "uptime"))
_NODES = (TableColumn("node"), TableColumn("status"), *_LOAD, TableColumn("guests", right=True))
_GUESTS = (
    TableColumn("id", right=True),
    TableColumn("name"),
    TableColumn("type"),
    TableColumn("node"),
    TableColumn("status"),
    *_LOAD,
    TableColumn("pool"),
    TableColumn("tags"),
)


@click.command()
@click.argument("words", nargs=-1, metavar="[WORD]...")
@FILTER
@JSON
@CLUSTER
def nodes(words: tuple[str, ...], condition: str, as_json: bool, cluster: str) -> None:
    """List the nodes: state, load, memory, disk, guests. A WORD selects by name or state.

    GUESTS counts those that run, of all on that node. Exit status 1 if no node matches.
    """
    records, unseen = anyio.run(_read, cluster, frozenset({"node"}), RESOURCES)
    counts = Counter(str(each.get("node")) for each in records if each.get("type") in _KINDS)
    running = Counter(
        str(each.get("node")) for each in records if each.get("type") in _KINDS and each.get("status") == "running"
    )
    wanted = [each for each in records if each.get("type") == "node" and _has(each, words, ("node", "status"))]
    found = _selected(sorted(wanted, key=lambda each: str(each.get("node"))), condition)
    rows = [_node_row(each, running, counts) for each in found]
    _write(found, table(_NODES, rows), "node", unseen, as_json=as_json)


@click.command()
@click.argument("words", nargs=-1, metavar="[WORD]...")
@FILTER
@JSON
@CLUSTER
def guests(words: tuple[str, ...], condition: str, as_json: bool, cluster: str) -> None:
    """List the VMs and containers, or those that match all WORDs.

    \b
    proxmox-mcp guests web
    proxmox-mcp guests stopped pve2
    proxmox-mcp guests --filter 'mem>80% and status=running' --json

    A WORD is part of a name, tag, pool, node or state, the whole number of a guest, or its type (vm, ct). Exit status 1
    if no guest matches.
    """
    records, unseen = anyio.run(_read, cluster, frozenset(_KINDS), _GUEST_LIST)
    wanted = [each for each in records if each.get("type") in _KINDS and _guest_matches(each, words)]
    found = _selected(sorted(wanted, key=lambda each: int(each.get("vmid", 0))), condition)
    _write(found, table(_GUESTS, [_guest_row(each) for each in found]), "guest", unseen, as_json=as_json)


async def _read(cluster: str, kinds: frozenset[str], template: str) -> tuple[Sequence[Record], str]:
    """All resources; and where none is of these kinds, whether the identity may not see them."""
    async with opened_gateway() as gateway:
        found, records = await resources(gateway, cluster)
        seen = any(each.get("type") in kinds for each in records)
        return records, "" if seen else await unseen_in(template, found)


def _guest_matches(guest: Record, words: Sequence[str]) -> bool:
    texts = [str(guest.get(name, "")) for name in ("name", "node", "status", "tags", "pool", "lock")]
    texts += ["template"] if _is_template(guest) else []
    number, kinds = str(guest.get("vmid", "")), _KINDS[guest["type"]]
    return all(word.lower() in kinds or matches(word, texts, number) for word in words)


def _has(record: Record, words: Sequence[str], names: Sequence[str]) -> bool:
    texts = [str(record.get(name, "")) for name in names]
    return all(matches(word, texts) for word in words)


def _selected(records: Sequence[Record], condition: str) -> Sequence[Record]:
    """The records that pass ``--filter``. Raises ViewError."""
    return select(records, View.of(filter=condition).conditions, known=KNOWN_FIELDS)


def _write(records: Sequence[Record], text: str, what: str, unseen: str, *, as_json: bool) -> None:
    """Print the rows, and end with status 1 if there are no rows."""
    if as_json:
        # ASCII only: no control character of a name reaches the terminal.
        click.echo(json.dumps(records, indent=2))
    elif records:
        click.echo(f"{text}\n({number_of(len(records), what)})")
    else:
        click.echo(unseen or f"No {what} matches.", err=True)
    sys.exit(0 if records else 1)


def _node_row(node: Record, running: Mapping[str, int], counts: Mapping[str, int]) -> list[Cell]:
    name = str(node.get("node", ""))
    return [
        Cell.of(name),
        _state(str(node.get("status", ""))),
        *_load(node),
        Cell(f"{running.get(name, 0)} of {counts.get(name, 0)}"),
    ]


def _guest_row(guest: Record) -> list[Cell]:
    extra = ["template"] if _is_template(guest) else []
    extra += [f"locked: {guest['lock']}"] if guest.get("lock") else []
    extra += [f"HA {guest['hastate']}"] if guest.get("hastate") not in (None, "", "ignored", "started") else []
    status = str(guest.get("status", ""))
    return [
        Cell.of(guest.get("vmid", "")),
        Cell.of(guest.get("name", "")),
        Cell.of(_KINDS[guest["type"]][1]),
        Cell.of(guest.get("node", "")),
        Cell.of(", ".join([status, *extra]), "yellow" if guest.get("lock") else _COLOURS.get(status, "")),
        *_load(guest),
        Cell.of(guest.get("pool", "")),
        Cell.of(str(guest.get("tags") or "").replace(";", " ")),
    ]


def _is_template(guest: Record) -> bool:
    return str(guest.get("template", "0")) == "1"


def _state(status: str) -> Cell:
    return Cell.of(status, _COLOURS.get(status, ""))


def _load(record: Record) -> list[Cell]:
    """The cells of ``_LOAD``; empty where it does not run."""
    uptime = _number(record, "uptime")
    cores = _number(record, "maxcpu")
    return [
        _share(_number(record, "cpu"), 1.0) if uptime else Cell(""),
        Cell(f"{cores:.0f}" if cores else ""),
        _use(record, "mem", "maxmem"),
        _use(record, "disk", "maxdisk"),
        Cell(short_duration(uptime) if uptime else ""),
    ]


def _use(record: Record, used: str, whole: str) -> Cell:
    """``64% of 8 GiB``; only the size where the use is unknown (Proxmox tells 0 for the disk of a VM)."""
    most, now = _number(record, whole), _number(record, used)
    if not most:
        return Cell("")
    share = _share(now, most) if now else Cell("")
    return Cell(f"{share.text} of {size_text(most)}" if now else size_text(most), share.colour)


def _share(value: float, whole: float) -> Cell:
    share = value / whole
    return Cell(f"{share:.0%}", "red" if share >= _FULL else "yellow" if share >= _HIGH else "")


def _number(record: Record, name: str) -> float:
    value = record.get(name)
    return float(value) if isinstance(value, int | float) else 0.0
