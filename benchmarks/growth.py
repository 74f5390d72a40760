"""Growth with the cluster and with the API: from 50 to 10,000 guests, and up to eight times the endpoints.

Guests: ``list_nodes`` over stdio compared with the bare tool, which also reads every guest to find the nodes; and the
first page of all guests compared with that of the smallest cluster. Endpoints: the bundled index with copies of every
path under other roots; routing, checking and searching compared with the original index.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from benchmarks.figures import Row, Times, interleaved, table
from benchmarks.servers import BARE, OURS, environment, upstream
from benchmarks.wire import Session, Stdio, opened

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
FIND = {"name": "get_cluster_resources", "arguments": {"type": "vm", "filter": "status=running and mem>90%"}}
QUERIES = ("resize a disk", "why did the backup fail", "add a user to a group", "migrate vm")
CALLS: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("GET", "/nodes/pve1/qemu/100/config", {}),
    ("PUT", "/nodes/pve1/qemu/100/config", {"memory": "4096", "cores": "2"}),
    ("GET", "/nodes/pve1/storage/local/content/local:iso/debian.iso", {}),
)


async def asked(session: Session, call: Mapping[str, object], seconds: list[float]) -> None:
    began = perf_counter()
    await session.ask("tools/call", call)
    seconds.append(perf_counter() - began)


async def with_guests(guests: int, rounds: int) -> dict[str, Times]:
    """Times with a cluster of that size, whose API answers without delay."""
    found: dict[str, list[float]] = {"list": [], "bare": [], "page": [], "find": []}
    async with AsyncExitStack() as stack:
        at = stack.enter_context(upstream(guests, 0.0))
        state = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ours = await opened(await Stdio.start(OURS, environment("ours", at, state)))
        stack.push_async_callback(ours.close)
        bare = await opened(await Stdio.start(BARE, environment("bare", at, state)))
        stack.push_async_callback(bare.close)
        for turn in range(rounds + 3):
            if turn == 3:
                found = {name: [] for name in found}
            await asked(ours, LIST, found["list"])
            await asked(bare, LIST, found["bare"])
            await asked(ours, PAGE, found["page"])
            await asked(ours, FIND, found["find"])
    return {name: Times(tuple(seconds)) for name, seconds in found.items()}


def guests_rows(rounds: int) -> Iterable[Row]:
    smallest: dict[str, float] = {}
    for guests in GUESTS:
        times = asyncio.run(with_guests(guests, rounds))
        ms = {name: each.median * 1000 for name, each in times.items()}
        smallest = smallest or ms
        what = f"{guests:,} guests"
        yield Row(what=f"{what}: `list_nodes`", unit="ms", ours=ms["list"], simplest=ms["bare"])
        small = f"beside {GUESTS[0]} guests"
        yield Row(what=f"{what}: first page, {small}", unit="ms", ours=ms["page"], simplest=smallest["page"])
        yield Row(what=f"{what}: filtered, {small}", unit="ms", ours=ms["find"], simplest=smallest["find"])


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
