"""The load of nodes over the last hour, as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import anyio
from msgspec import Struct

from proxmox_mcp.errors import ProxmoxError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxmox_mcp.proxmox.access import Reader

_PATIENCE = 6.0
"""Seconds for all nodes together: a page doesn't wait longer for its lines."""
_MOST_NODES = 32
_MOST_POINTS = 80
WIDTH, HEIGHT = 100, 28


class Line(Struct, frozen=True):
    """Fractions from 0 to 1 in the order of time; ``points`` draws them into a box of ``WIDTH`` by ``HEIGHT``."""

    values: tuple[float, ...] = ()

    @property
    def points(self) -> str:
        if len(self.values) < 2:
            return ""
        step = WIDTH / (len(self.values) - 1)
        return " ".join(f"{place * step:.1f},{_y(value):.1f}" for place, value in enumerate(self.values))

    @property
    def area(self) -> str:
        return f"0,{HEIGHT} {self.points} {WIDTH},{HEIGHT}" if self.points else ""

    def said(self, name: str) -> str:
        """The line in words, for those who don't see it."""
        if not self.values:
            return f"{name}: no values of the last hour"
        least, most = min(self.values), max(self.values)
        return f"{name} in the last hour: from {least:.0%} to {most:.0%}"


def _y(fraction: float) -> float:
    return HEIGHT - 1 - min(1.0, max(0.0, fraction)) * (HEIGHT - 2)


NO_LINE = Line()


class NodeLoad(Struct, frozen=True):
    """The lines of one node."""

    cpu: Line = NO_LINE
    memory: Line = NO_LINE


async def read_loads(reader: Reader, nodes: Sequence[str]) -> dict[str, NodeLoad]:
    """The lines of the nodes that could be read; a node that doesn't answer has none."""
    found: dict[str, NodeLoad] = {}

    async def read(node: str) -> None:
        try:
            rows = await reader.get(f"/nodes/{quote(node, safe='')}/rrddata", {"timeframe": "hour"}, deadline=_PATIENCE)
        except ProxmoxError:
            return  # The table says that the node is offline; a missing line needs no words of its own.
        found[node] = load_of(rows)

    with anyio.move_on_after(_PATIENCE):
        async with anyio.create_task_group() as group:
            for node in nodes[:_MOST_NODES]:
                group.start_soon(read, node)
    return found


def load_of(rows: Any) -> NodeLoad:
    """From the ``data`` of ``/nodes/{node}/rrddata``: ``cpu`` is a fraction, memory ``memused`` of ``memtotal``."""
    records = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    records.sort(key=lambda row: _number(row.get("time")) or 0.0)
    cpu = [value for row in records if (value := _number(row.get("cpu"))) is not None]
    memory = [
        used / total
        for row in records
        if (used := _number(row.get("memused"))) is not None and (total := _number(row.get("memtotal")))
    ]
    return NodeLoad(Line(tuple(cpu[-_MOST_POINTS:])), Line(tuple(memory[-_MOST_POINTS:])))


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if number == number and abs(number) != float("inf") else None
