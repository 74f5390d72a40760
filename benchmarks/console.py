"""What people who look on cost: 1,000 calls a minute, with and without the page Activity open in three browsers.

The browsers are stand-ins that do over HTTP what the page's script does in a tab that somebody sees: they listen to the
stream of changes, and when it names a subject of a part of the page they fetch that part from its own address, or the
page again if it has none. So the server is measured, not the browsers beside it. Slices with and without them take
turns; memory is that of the server after the last slice beside that after the first.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from statistics import mean
from time import perf_counter
from typing import TYPE_CHECKING

from benchmarks.figures import Row, Times, table
from benchmarks.servers import Server, environment, serving, upstream
from benchmarks.wire import Connection, Http, Session, opened

from console_site import Visitor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

A_MINUTE = 1000
BROWSERS = 3
SLICES, SLICE_SECONDS, SETTLED_SECONDS = 12, 10.0, 2.0
AIM = 1.05
CALL = {"name": "list_nodes", "arguments": {}}
PAGE = "/console/activity"
_EVENTS = re.compile(r'data-events="([^"]+)"')
_TAG = re.compile(r"<[a-z][^>]* data-live=[^>]*>")
_ATTRIBUTE = re.compile(r' (data-live|data-from)="([^"]*)"')


@dataclass
class Slices:
    """The calls of all slices of one kind, the processor time of the server in them, and its memory after each."""

    seconds: list[float] = field(default_factory=list)
    processor: float = 0.0
    memory: list[float] = field(default_factory=list)

    @property
    def times(self) -> Times:
        return Times(tuple(self.seconds))

    @property
    def each(self) -> float:
        """Processor time of a call, in seconds."""
        return self.processor / len(self.seconds)


def signed_in(port: int, at: str, state: Path) -> Mapping[str, str]:
    """The headers of a browser whose person has signed in."""
    told = environment("ours", at, state) | {"MCP_PORT": str(port)}
    command = [sys.executable, "-m", "proxmox_mcp", "console", "link"]
    made = subprocess.run(command, env=told, capture_output=True, text=True, check=True)
    visitor = Visitor(("127.0.0.1", port), f"127.0.0.1:{port}")
    visitor.signs_in(made.stdout.strip().partition("#")[2])
    return {"Accept": "text/html", "Cookie": "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())}


def live_parts(html: str) -> list[tuple[set[str], str]]:
    """The subjects of each live part of a page, and the address to fetch it from."""
    tags = (dict(_ATTRIBUTE.findall(tag)) for tag in _TAG.findall(html))
    return [(set(tag["data-live"].split()), unescape(tag.get("data-from", PAGE))) for tag in tags]


async def browse(port: int, headers: Mapping[str, str]) -> None:
    """Look at the page until cancelled."""
    page, stream = await Connection.to(port), await Connection.to(port)

    async def fetch(address: str) -> str:
        await page.send("GET", address, b"", headers)
        return (await page.body(await page.head())).decode()

    try:
        html = await fetch(PAGE)
        parts, found = live_parts(html), _EVENTS.search(html)
        if found is None:
            raise RuntimeError("the page names no stream of changes")
        await stream.send("GET", unescape(found[1]), b"", headers)
        await stream.head()
        async for chunk in stream.chunks():
            if chunk.startswith(b"event: changed"):
                changed = set(chunk.decode().partition("data: ")[2].split())
                for address in {address for subjects, address in parts if subjects & changed}:
                    await fetch(address)
    finally:
        await page.close()
        await stream.close()


@asynccontextmanager
async def browsers(port: int, headers: Mapping[str, str], count: int) -> AsyncIterator[None]:
    """So many of them, for the length of a block."""
    tasks = [asyncio.create_task(browse(port, headers)) for _ in range(count)]
    try:
        await asyncio.sleep(SETTLED_SECONDS)
        yield
    finally:
        ended = [task for task in tasks if task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if ended:
            ended[0].result()


async def call_on(session: Session, server: Server, slices: Slices) -> None:
    """One slice of calls, each at its time whether the one before took long or not."""
    loop = asyncio.get_running_loop()
    began, before = loop.time(), server.seconds
    for number in range(int(A_MINUTE / 60 * SLICE_SECONDS)):
        await asyncio.sleep(max(0.0, began + number * 60 / A_MINUTE - loop.time()))
        sent = perf_counter()
        await session.ask("tools/call", CALL)
        slices.seconds.append(perf_counter() - sent)
    slices.processor += server.seconds - before
    slices.memory.append(server.memory)


async def looked_at(server: Server, headers: Mapping[str, str]) -> tuple[Slices, Slices]:
    """Slices with browsers, and without."""
    seen, alone = Slices(), Slices()
    session = await opened(await Http.connect(server.port))
    await call_on(session, server, Slices())
    for turn in range(SLICES):
        with_browsers = turn % 2 == 0
        async with browsers(server.port, headers, BROWSERS if with_browsers else 0):
            await call_on(session, server, seen if with_browsers else alone)
    await session.close()
    return seen, alone


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as directory, upstream(delay=0.0) as at:
        state = Path(directory)
        with serving("ours", "http", at, state) as server:
            seen, alone = asyncio.run(looked_at(server, signed_in(server.port, at, state)))
    times, before = seen.times, alone.times
    what = f"{A_MINUTE:,} calls a minute, {BROWSERS} browsers"
    return [
        Row(what=f"{what}: p50", unit="ms", ours=times.median * 1000, simplest=before.median * 1000, aim=AIM),
        Row(what=f"{what}: mean", unit="ms", ours=mean(times.seconds) * 1000, simplest=mean(before.seconds) * 1000),
        Row(what=f"{what}: p99", unit="ms", ours=times.share(0.99) * 1000, simplest=before.share(0.99) * 1000),
        Row(what=f"{what}: processor time of a call", unit="ms", ours=seen.each * 1000, simplest=alone.each * 1000),
        Row(what=f"{what}: memory", unit="MiB", ours=seen.memory[-1], simplest=seen.memory[0], aim=AIM),
    ]


if __name__ == "__main__":
    print(table(measure()))
