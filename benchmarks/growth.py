"""Growth with the cluster and with the API: from 50 to 10,000 guests, and up to eight times the endpoints.

Guests, in processor time of the server, over stdio, from a Proxmox that answers at once: ``list_nodes`` compared with
the bare tool, which also reads every guest to find the nodes; the first page of all guests, guests that match a filter,
and ``GET /cluster/resources``, compared with a bare tool that returns every guest as JSON. The bare tools neither take
secrets out nor bound the depth of an answer nor count the guests of a node. Endpoints: the bundled index with copies of
every path under other roots; routing, checking and searching compared with the original index.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.figures import Row, Times, interleaved, table
from benchmarks.servers import BARE, OURS, environment, process_clock, upstream
from benchmarks.wire import Stdio, opened
from msgspec.structs import replace

from proxmox_mcp.apidoc import EndpointIndex, load_index
from proxmox_mcp.search import Searcher

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

GUESTS = (50, 500, 2000, 10_000)
TIMES_THE_API = (1, 2, 4, 8)
ROUNDS = 20
BUNDLED = "9.1"
LIST = {"name": "list_nodes", "arguments": {}}
PAGE = {"name": "get_cluster_resources", "arguments": {"type": "vm"}}
GET = {"name": "proxmox_api_get", "arguments": {"path": "/cluster/resources"}}
BARE_PAGE = {"name": "list_guests", "arguments": {}}
MOST_TIMES_THE_BARE_TOOL = 1.2
FIND = {"name": "get_cluster_resources", "arguments": {"type": "vm", "filter": "status=running and mem>90%"}}
QUERIES = ("resize a disk", "why did the backup fail", "add a user to a group", "migrate vm")
CALLS: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("GET", "/nodes/pve1/qemu/100/config", {}),
    ("PUT", "/nodes/pve1/qemu/100/config", {"memory": "4096", "cores": "2"}),
    ("GET", "/nodes/pve1/storage/local/content/local:iso/debian.iso", {}),
)


async def asked(session: Stdio, call: Mapping[str, object]) -> float:
    """The processor time that the server takes over a call, in seconds: other load on the machine doesn't count."""
    clock = process_clock(session.process_id)
    began = time.clock_gettime(clock)
    await session.ask("tools/call", call)
    return time.clock_gettime(clock) - began


async def with_guests(guests: int, rounds: int) -> dict[str, Times]:
    """Times with a cluster of that size, whose API answers without delay."""
    found: dict[str, list[float]] = {}
    async with AsyncExitStack() as stack:
        at = stack.enter_context(upstream(guests, 0.0))
        state = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ours = await Stdio.start(OURS, environment("ours", at, state))
        stack.push_async_callback(ours.close)
        bare = await Stdio.start(BARE, environment("bare", at, state))
        stack.push_async_callback(bare.close)
        await opened(ours)
        await opened(bare)
        calls = {
            "list": (ours, LIST),
            "bare list": (bare, LIST),
            "page": (ours, PAGE),
            "bare page": (bare, BARE_PAGE),
            "find": (ours, FIND),
            "get": (ours, GET),
        }
        for turn in range(rounds + 3):
            if turn == 3:
                found = {}
            for name, (session, call) in calls.items():
                found.setdefault(name, []).append(await asked(session, call))
    return {name: Times(tuple(seconds)) for name, seconds in found.items()}


def guests_rows(rounds: int) -> Iterable[Row]:
    for guests in GUESTS:
        times = asyncio.run(with_guests(guests, rounds))
        ms = {name: each.median * 1000 for name, each in times.items()}
        what = f"{guests:,} guests"
        aim = MOST_TIMES_THE_BARE_TOOL if guests == GUESTS[-1] else None
        yield Row(what=f"{what}: `list_nodes`", unit="ms", ours=ms["list"], simplest=ms["bare list"], aim=aim)
        everything = "beside all as JSON"
        yield Row(
            what=f"{what}: first page, {everything}", unit="ms", ours=ms["page"], simplest=ms["bare page"], aim=aim
        )
        yield Row(what=f"{what}: filtered, {everything}", unit="ms", ours=ms["find"], simplest=ms["bare page"])
        yield Row(
            what=f"{what}: by `proxmox_api_get`, {everything}", unit="ms", ours=ms["get"], simplest=ms["bare page"]
        )


def multiplied(index: EndpointIndex, by: int) -> EndpointIndex:
    """The index with copies of all its paths under other roots."""
    again = (replace(each, path=f"/more{number}{each.path}") for number in range(1, by) for each in index.endpoints)
    return EndpointIndex((*index.endpoints, *again), index.origin)


def endpoints_rows(rounds: int) -> Iterable[Row]:
    indexes = {by: multiplied(load_index(BUNDLED), by) for by in TIMES_THE_API}
    searchers = {by: Searcher(index) for by, index in indexes.items()}

    def check(index: EndpointIndex) -> None:
        for call in CALLS * 100:
            index.check(*call)

    def search(searcher: Searcher) -> None:
        for query in QUERIES:
            searcher.search(query)

    checks = interleaved({str(by): lambda index=index: check(index) for by, index in indexes.items()}, rounds)  # type: ignore[misc]
    searches = interleaved({str(by): lambda one=one: search(one) for by, one in searchers.items()}, rounds)  # type: ignore[misc]
    for by in TIMES_THE_API:
        what = f"{len(indexes[by].endpoints):,} endpoints"
        each, first = (checks[str(n)].median / len(CALLS) / 100 * 1e6 for n in (by, 1))
        yield Row(what=f"{what}: route and check a call", unit="µs", ours=each, simplest=first)
        each, first = (searches[str(n)].median / len(QUERIES) * 1e6 for n in (by, 1))
        yield Row(what=f"{what}: a search", unit="µs", ours=each, simplest=first)


def measure(rounds: int = ROUNDS) -> list[Row]:
    return [*guests_rows(rounds), *endpoints_rows(rounds)]


if __name__ == "__main__":
    print(table(measure(int(os.environ.get("ROUNDS", ROUNDS)))))
