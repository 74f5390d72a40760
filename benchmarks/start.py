"""From the start of the process to the answer of ``tools/list`` over stdio, beside a bare server with one tool.

Ours does in that time what it does at any start: it reads its settings, its policy and its risks, and begins to load
its schema and to look for Proxmox (which is away here).
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from benchmarks.figures import Row, Times, table
from benchmarks.servers import BARE, OURS, environment
from benchmarks.wire import Stdio, opened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROUNDS = 20
AIM = 1.15


async def start(command: Sequence[str], told: Mapping[str, str]) -> float:
    """Seconds from nothing to the list of tools."""
    started = perf_counter()
    session = await opened(await Stdio.start(command, told))
    listed = await session.ask("tools/list")
    took = perf_counter() - started
    if not listed["tools"]:
        raise RuntimeError("no tools")
    await session.close()
    return took


def processor_seconds() -> float:
    """Of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def measured(rounds: int) -> tuple[dict[str, Times], dict[str, Times]]:
    """Wall time to the list, and processor time of the whole short life, of both in turn."""
    wall: dict[str, list[float]] = {"ours": [], "bare": []}
    cpu: dict[str, list[float]] = {"ours": [], "bare": []}
    with tempfile.TemporaryDirectory() as state:
        servers = {
            "ours": (OURS, environment("ours", "", Path(state))),
            "bare": (BARE, environment("bare", "", Path())),
        }
        for name, (command, told) in servers.items():
            await start(command, told)
            print(f"start: {name} is warm", file=sys.stderr)
        for turn in range(rounds):
            for name in servers if turn % 2 else reversed(servers):
                before = processor_seconds()
                wall[name].append(await start(*servers[name]))
                cpu[name].append(processor_seconds() - before)
    return {n: Times(tuple(t)) for n, t in wall.items()}, {n: Times(tuple(t)) for n, t in cpu.items()}


def measure(rounds: int = ROUNDS) -> list[Row]:
    wall, cpu = asyncio.run(measured(rounds))
    return [
        Row(
            what="start to `tools/list` over stdio, median",
            unit="ms",
            ours=wall["ours"].median * 1000,
            simplest=wall["bare"].median * 1000,
            aim=AIM,
        ),
        Row(
            what="start to `tools/list` over stdio, best",
            unit="ms",
            ours=wall["ours"].least * 1000,
            simplest=wall["bare"].least * 1000,
            aim=AIM,
        ),
        Row(
            what="processor time of start, list and end, median",
            unit="ms",
            ours=cpu["ours"].median * 1000,
            simplest=cpu["bare"].median * 1000,
        ),
    ]


if __name__ == "__main__":
    print(table(measure(int(os.environ.get("ROUNDS", ROUNDS)))))
