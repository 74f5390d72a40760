"""Many sessions at the same time over ``/sse`` and ``/mcp``, compared with the bare server; and leaks of sessions.

Each session calls ``list_nodes`` again as soon as it has its answer. Both servers run all the time and are loaded in
turn. Memory is the private memory of the process; for a session, the growth by the first hundred sessions, including
threads and buffers of the server. Then a thousand sessions are opened, used and closed, to see whether memory and
descriptors are released. With one session nothing hides what a call costs more than a bare one: it is judged, put on
record, and its answer redacted and counted, in about 1 ms.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

from benchmarks.figures import Row, Times, table
from benchmarks.servers import Kind, Server, Transport, serving, upstream
from benchmarks.wire import Http, Session, Sse, opened

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SESSIONS = (1, 20, 100)
ROUNDS = 3
CALLS, SLICES = 400, 8
"""Calls of one round, over all its sessions, and in how many slices."""
AIM = 0.9
PASSING, AT_A_TIME = 1000, 50
FLAT = 1.05
"""Most that memory may grow over ``PASSING`` sessions, as a ratio."""
CALL = {"name": "list_nodes", "arguments": {}}
NAMES = {"sse": "/sse", "http": "/mcp"}
KINDS: tuple[Kind, ...] = ("ours", "bare")


@dataclass
class Load:
    """The result of loading one server with a number of sessions."""

    throughputs: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    errors: int = 0
    memory: float = 0.0
    descriptors: int = 0

    @property
    def times(self) -> Times:
        return Times(tuple(self.seconds))


async def connected(transport: Transport, port: int) -> Session:
    return await opened(await (Sse if transport == "sse" else Http).connect(port))


async def calls(session: Session, count: int, load: Load) -> None:
    for _ in range(count):
        began = perf_counter()
        try:
            await session.ask("tools/call", CALL)
        except (RuntimeError, OSError, asyncio.IncompleteReadError):
            load.errors += 1
        load.seconds.append(perf_counter() - began)


async def first_hundred(server: Server, transport: Transport) -> Load:
    """The additional memory and descriptors of a server with a hundred sessions instead of one."""
    lone = await connected(transport, server.port)
    await calls(lone, 4, Load())
    await lone.close()
    load, memory, descriptors = Load(), server.memory, server.descriptors
    sessions = await asyncio.gather(*(connected(transport, server.port) for _ in range(max(SESSIONS))))
    await asyncio.gather(*(calls(session, 4, Load()) for session in sessions))
    load.memory = (server.memory - memory) / max(SESSIONS) * 1024
    load.descriptors = server.descriptors - descriptors
    await asyncio.gather(*(session.close() for session in sessions))
    return load


async def together(
    servers: Mapping[Kind, Server], transport: Transport, loads: Mapping[Kind, Load], count: int
) -> None:
    """A number of sessions with each server, which are loaded in turn, a slice of the calls at a time."""
    sessions = {
        kind: await asyncio.gather(*(connected(transport, server.port) for _ in range(count)))
        for kind, server in servers.items()
    }
    each = max(1, CALLS // SLICES // count)
    for turn in range(SLICES + 1):
        for kind in KINDS if turn % 2 else reversed(KINDS):
            load = loads[kind] if turn else Load()
            began = perf_counter()
            await asyncio.gather(*(calls(session, each, load) for session in sessions[kind]))
            load.throughputs.append(each * count / (perf_counter() - began))
    await asyncio.gather(*(session.close() for opened in sessions.values() for session in opened))


async def pass_by(server: Server, transport: Transport, count: int) -> None:
    """Open, use once and close a number of sessions."""
    for _ in range(count // AT_A_TIME):
        sessions = await asyncio.gather(*(connected(transport, server.port) for _ in range(AT_A_TIME)))
        await asyncio.gather(*(session.ask("tools/call", CALL) for session in sessions))
        await asyncio.gather(*(session.close() for session in sessions))
    await asyncio.sleep(1.0)


@dataclass(frozen=True, slots=True)
class Loaded:
    """The results for one transport by server: loads, the first hundred sessions, and the thousand passing ones.

    ``passed`` has memory and descriptors, before and after.
    """

    loads: dict[tuple[Kind, int], Load]
    first: dict[Kind, Load]
    passed: dict[Kind, list[float]]


async def loaded(transport: Transport, rounds: int) -> Loaded:
    """Load both servers over one transport, in turn."""
    loads = {(kind, count): Load() for kind in KINDS for count in SESSIONS}
    passed: dict[Kind, list[float]] = {}
    with ExitStack() as stack:
        at = stack.enter_context(upstream())
        state = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = {kind: stack.enter_context(serving(kind, transport, at, state)) for kind in KINDS}
        sessions = {kind: await first_hundred(server, transport) for kind, server in servers.items()}
        for _ in range(rounds):
            for count in SESSIONS:
                await together(servers, transport, {kind: loads[kind, count] for kind in KINDS}, count)
        for kind, server in servers.items():
            await pass_by(server, transport, PASSING // 5)
            before = [server.memory, float(server.descriptors)]
            await pass_by(server, transport, PASSING)
            passed[kind] = [*before, server.memory, float(server.descriptors)]
    return Loaded(loads, sessions, passed)


def rows_of(transport: Transport, rounds: int) -> Iterable[Row]:
    found = asyncio.run(loaded(transport, rounds))
    loads, passed = found.loads, found.passed
    name = NAMES[transport]
    for count in SESSIONS:
        ours, bare = loads["ours", count], loads["bare", count]
        what = f"{name}, {count} session{'s' if count > 1 else ''}"
        yield Row(
            what=f"{what}: throughput",
            unit="calls/s",
            ours=median(ours.throughputs),
            simplest=median(bare.throughputs),
            aim=AIM,
            more=True,
        )
        for label, part in (("p50", 0.5), ("p99", 0.99)):
            mine, theirs = ours.times.share(part) * 1000, bare.times.share(part) * 1000
            yield Row(what=f"{what}: {label}", unit="ms", ours=mine, simplest=theirs)
        yield Row(what=f"{what}: errors", unit=f"of {len(ours.seconds):,}", ours=ours.errors, aim=0)
    ours, bare = found.first["ours"], found.first["bare"]
    yield Row(what=f"{name}: memory of a session", unit="KiB", ours=ours.memory, simplest=bare.memory)
    held = f"{name}: descriptors of {max(SESSIONS)} sessions"
    yield Row(what=held, unit="", ours=ours.descriptors, simplest=bare.descriptors)
    before, files_before, after, files_after = passed["ours"]
    of_bare = passed["bare"][2]
    yield Row(what=f"{name}: memory of the server after {PASSING:,} sessions", unit="MiB", ours=after, simplest=of_bare)
    yield Row(
        what=f"{name}: memory after {PASSING:,} sessions, beside that before",
        unit="MiB",
        ours=after,
        simplest=before,
        aim=FLAT,
    )
    left = f"{name}: descriptors left by {PASSING:,} sessions"
    yield Row(what=left, unit="", ours=files_after - files_before, aim=0)


def measure(rounds: int = ROUNDS) -> list[Row]:
    return [row for transport in ("sse", "http") for row in rows_of(transport, rounds)]


if __name__ == "__main__":
    print(table(measure(int(os.environ.get("ROUNDS", ROUNDS)))))
