"""From the start of the process to the answer of ``tools/list`` over stdio, compared with a bare server with one tool.

Ours reads its settings and its policy in that time. It loads schema and search in the first pause of the client, or
when the first call needs them; therefore the time to the answer of a first call is measured too: a search of ours, and
hello of the bare tool. No Proxmox is involved. What that call needs (the search, requests, the privileges of what it
found) is loaded when it comes, by threads that share one interpreter. Memory is private memory, once the tools are
listed.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

from benchmarks.figures import Row, Times, table
from benchmarks.servers import BARE, OURS, Kind, environment, memory_of
from benchmarks.wire import Stdio, opened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROUNDS = 20
AIM = 1.15
AIM_OF_MEMORY = 75.0
"""MiB."""


FIRST_CALL = {
    "ours": {"name": "search_api", "arguments": {"query": "resize a disk"}},
    "bare": {"name": "say_hello", "arguments": {}},
}


@dataclass
class Starts:
    """Seconds from nothing to the list of tools, and on to the answer of a first call; MiB of memory between them."""

    listed: list[float] = field(default_factory=list)
    called: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)


async def start(kind: Kind, command: Sequence[str], told: Mapping[str, str], starts: Starts) -> None:
    started = perf_counter()
    process = await Stdio.start(command, told)
    session = await opened(process)
    listed = await session.ask("tools/list")
    starts.listed.append(perf_counter() - started)
    if FIRST_CALL[kind]["name"] not in [tool["name"] for tool in listed["tools"]]:
        raise RuntimeError(f"the tools are {listed['tools']}")
    starts.memory.append(memory_of(process.process_id))
    await session.ask("tools/call", FIRST_CALL[kind])
    starts.called.append(perf_counter() - started)
    await session.close()


async def measured(rounds: int) -> dict[Kind, Starts]:
    """Both in turn, without the first start of each, which may compile bytecode."""
    with tempfile.TemporaryDirectory() as state:
        servers: dict[Kind, tuple[Sequence[str], Mapping[str, str]]] = {
            "ours": (OURS, environment("ours", "", Path(state))),
            "bare": (BARE, environment("bare", "", Path())),
        }
        found: dict[Kind, Starts] = {kind: Starts() for kind in servers}
        for turn in range(rounds + 1):
            for kind in servers if turn % 2 else reversed(servers):
                await start(kind, *servers[kind], found[kind] if turn else Starts())
    return found


def measure(rounds: int = ROUNDS) -> list[Row]:
    found = asyncio.run(measured(rounds))
    listed = {kind: Times(tuple(each.listed)) for kind, each in found.items()}
    called = {kind: Times(tuple(each.called)) for kind, each in found.items()}
    ms = 1000
    what = "start to `tools/list` over stdio"
    ours, bare = listed["ours"], listed["bare"]
    memory = {kind: median(each.memory) for kind, each in found.items()}
    return [
        Row(what=f"{what}, median", unit="ms", ours=ours.median * ms, simplest=bare.median * ms, aim=AIM),
        Row(what=f"{what}, best", unit="ms", ours=ours.least * ms, simplest=bare.least * ms, aim=AIM),
        Row(
            what="start to the answer of a first call, median",
            unit="ms",
            ours=called["ours"].median * ms,
            simplest=called["bare"].median * ms,
            aim=AIM,
        ),
        Row(what="memory at `tools/list`", unit="MiB", ours=memory["ours"], aim=AIM_OF_MEMORY),
        Row(
            what="memory at `tools/list`, beside the bare server",
            unit="MiB",
            ours=memory["ours"],
            simplest=memory["bare"],
        ),
    ]


if __name__ == "__main__":
    print(table(measure(int(os.environ.get("ROUNDS", ROUNDS)))))
