"""One ``list_nodes`` call over each transport, compared with a bare tool that makes the same ``proxmoxer`` call.

Both ask the same scripted Proxmox; calls are made in turn, one at a time. The ``proxmoxer`` call alone is measured too,
and all of it again with a Proxmox that answers without delay, which leaves only the two servers to compare.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import warnings
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from benchmarks.figures import Row, Times, table
from benchmarks.servers import BARE, DELAY, OURS, Kind, Transport, environment, serving, upstream
from benchmarks.wire import Http, Session, Sse, Stdio, opened

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ROUNDS = 200
WARM_UP = 20
AIM = 1.15
TRANSPORTS: tuple[Transport, ...] = ("sse", "http", "stdio")
NAMES = {"sse": "/sse", "http": "/mcp", "stdio": "stdio"}
KINDS: tuple[Kind, ...] = ("ours", "bare")
CALL = {"name": "list_nodes", "arguments": {}}


def directly(at: str) -> Callable[[], object]:
    """The call without any server."""
    from proxmoxer import ProxmoxAPI

    host, _, port = at.partition(":")
    api = ProxmoxAPI(host, port=int(port), user="mcp@pve", token_name="bench", token_value="bench", verify_ssl=False)
    return lambda: api.cluster.resources.get()


def started(
    kind: Kind, transport: Transport, at: str, state: Path, stack: AsyncExitStack
) -> Callable[[], Awaitable[Session]]:
    """A server, and how to connect to it; over stdio connecting is what starts it."""
    if transport == "stdio":
        return partial(Stdio.start, OURS if kind == "ours" else BARE, environment(kind, at, state))
    server = stack.enter_context(serving(kind, transport, at, state))
    return partial((Sse if transport == "sse" else Http).connect, server.port)


async def measured(delay: float, rounds: int) -> dict[tuple[str, str], Times]:
    """Times by server and transport; ``("direct", "")`` is the ``proxmoxer`` call alone."""
    times: dict[tuple[str, str], list[float]] = {}
    async with AsyncExitStack() as stack:
        at = stack.enter_context(upstream(delay=delay))
        ways = {}
        for transport in TRANSPORTS:
            for kind in KINDS:
                state = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                ways[kind, transport] = started(kind, transport, at, state, stack)
        sessions = {}
        for name in sorted(ways, key=lambda name: name[1] != "stdio"):
            sessions[name] = await ways[name]()
            stack.push_async_callback(sessions[name].close)
            await opened(sessions[name])
        direct = directly(at)
        for turn in range(WARM_UP + rounds):
            for name in sessions if turn % 2 else reversed(sessions):
                began = perf_counter()
                await sessions[name].ask("tools/call", CALL)
                times.setdefault(name, []).append(perf_counter() - began)
            began = perf_counter()
            direct()
            times.setdefault(("direct", ""), []).append(perf_counter() - began)
    return {name: Times(tuple(found[WARM_UP:])) for name, found in times.items()}


def measure(rounds: int = ROUNDS) -> list[Row]:
    warnings.filterwarnings("ignore", message="Unverified HTTPS request")
    rows = []
    for delay in (DELAY, 0.0):
        times = asyncio.run(measured(delay, rounds))
        after = f"Proxmox takes {delay * 1000:.0f} ms" if delay else "Proxmox takes no time"
        for transport in TRANSPORTS:
            ours, bare = times["ours", transport], times["bare", transport]
            what = f"`list_nodes` over {NAMES[transport]}, {after}"
            aim = AIM if delay else None
            rows.append(Row(what=what, unit="ms", ours=ours.median * 1000, simplest=bare.median * 1000, aim=aim))
        if delay:
            direct = times["direct", ""].median * 1000
            best = times["ours", "stdio"].median * 1000
            rows.append(
                Row(what="`list_nodes` over stdio, beside `proxmoxer` alone", unit="ms", ours=best, simplest=direct)
            )
    return rows


if __name__ == "__main__":
    print(table(measure(int(os.environ.get("ROUNDS", ROUNDS)))))
