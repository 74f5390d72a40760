"""Lists that Proxmox gives in pages: a filter speaks of all rows, or the answer says which rows it did not see."""

from __future__ import annotations

import json
import re
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from proxmox.raw_server import Request as Sent
from proxmox.raw_server import reply
from proxmox.raw_server import serving as raw_serving
from proxmox_mcp.apidoc import load_index
from proxmox_mcp.gateway import Request
from proxmox_mcp.proxmox import paged
from proxmox_mcp.render import View

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from proxmox_mcp.gateway import Gateway

pytestmark = pytest.mark.anyio

UPID = "UPID:pve1:000003EB:00001B6D:6B014D2D:vzdump:103:root@pam:"
_PLACES = {"node": "pve1", "vmid": "100", "upid": UPID, "id": "100-0"}
PAGED = sorted(
    {
        endpoint.path
        for version in ("7.4", "8.4", "9.1", "9.2")
        for endpoint in load_index(version).endpoints
        if endpoint.method == "GET" and endpoint.parameters.keys() >= {"start", "limit"}
    }
)
NEWEST = {endpoint.path for endpoint in load_index("9.2").endpoints}


@dataclass
class Pages:
    """An upstream that gives rows as Proxmox does: 50 where nobody asks, ``total`` beside them or not."""

    rows: int = 1014
    total: bool = True
    fails_from: int = 10**9
    grows: bool = False
    asked: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, request: Sent, connection: Any) -> None:
        url = urlsplit(request.target)
        path = url.path.removeprefix("/api2/json")
        if path == "/version":
            connection.sendall(reply({"version": "9.2.1", "release": "9.2"}))
        elif path == "/cluster/resources":
            nodes = ({"type": "node", "node": f"pve{n}", "id": f"node/pve{n}", "status": "online"} for n in (1, 2))
            connection.sendall(reply(list(nodes)))
        else:
            self._page({name: values[0] for name, values in parse_qs(url.query).items()}, path, connection)

    def _page(self, query: dict[str, str], path: str, connection: Any) -> None:
        self.asked.append(query)
        start, limit = int(query.get("start", 0)), int(query.get("limit", 50))
        if start >= self.fails_from:
            connection.sendall(reply(status=500, reason="the journal is damaged"))
            return
        if self.grows:  # A task has started since the last page: all rows move on by one.
            start -= len(self.asked) - 1
        last = self.rows if limit == 0 else min(self.rows, start + limit)
        numbers = range(start, last)
        if path.endswith("/tasks"):
            data: list[Any] = [
                {"upid": f"{UPID}{n}", "status": "OK" if n != 1013 else "failed", "id": str(n)} for n in numbers
            ]
        else:
            data = [{"n": n + 1, "t": f"line {n}" if n != 1013 else "the only ERROR"} for n in numbers]
        data = data or [{"n": start + 1, "t": "no content"}]
        total = {"total": self.rows} if self.total else {}
        connection.sendall(reply(body=json.dumps({"data": data, **total}).encode()))


@dataclass
class Upstream:
    pages: Pages
    gateway: Gateway

    async def get(self, path: str, view: View | None = None, **data: Any) -> str:
        return await self.gateway.call(Request(path=path, data=data, view=view or View()))


@pytest.fixture
async def upstream(
    certificate: tuple[Path, Path], gateway_to: Callable[..., Gateway]
) -> AsyncIterator[Callable[..., Upstream]]:
    """Starts upstreams of so many rows, each with a gateway to it."""
    gateways: list[Gateway] = []
    with ExitStack() as servers:

        def make(**given: Any) -> Upstream:
            pages = Pages(**given)
            server = servers.enter_context(raw_serving(pages, certificate))
            gateways.append(gateway_to(server.port, MCP_MODE="full"))
            return Upstream(pages, gateways[-1])

        yield make
        for gateway in gateways:
            await gateway.aclose()


def concrete(path: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: _PLACES[found[1]], path)


def last_row(path: str) -> View:
    return View.of(filter="status=failed" if path.endswith("/tasks") else "t~error")


@pytest.mark.parametrize("total", [True, False], ids=["with a total", "without a total"])
@pytest.mark.parametrize("path", [path for path in PAGED if path in NEWEST])
async def test_a_filter_finds_what_is_only_in_the_last_row(
    path: str, total: bool, upstream: Callable[..., Upstream]
) -> None:
    there = upstream(total=total)
    told = await there.get(concrete(path), last_row(path))
    assert "1 of 1014 match" in told
    assert "Not all rows" not in told
    assert len(there.pages.asked) <= 3, "the first page, and the rest in large ones"


async def test_a_list_that_was_read_to_its_end_counts_all_of_its_rows(upstream: Callable[..., Upstream]) -> None:
    told = await upstream().get("/nodes/pve1/tasks", View.of(limit=3, fields="id"))
    assert "(rows 1-3 of 1014, next: cursor=" in told
    none = await upstream().get("/nodes/pve1/tasks", View.of(filter="status=lost"))
    assert none == "(none of 1014 matches the filter)"


async def test_rows_that_tasks_of_the_meantime_push_along_come_once(upstream: Callable[..., Upstream]) -> None:
    told = await upstream(rows=120, grows=True).get("/nodes/pve1/tasks", View.of(fields="id"))
    assert "(all 120 rows)" in told


async def test_a_list_too_long_to_be_read_says_so_and_what_the_filter_did_not_see(
    upstream: Callable[..., Upstream], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = upstream(rows=52_345)
    told = await there.get("/nodes/pve1/syslog", View.of(filter="t~nowhere"))
    assert told == (
        "(none of 10000 matches the filter)\n"
        "Not all rows were read: only rows 1-10,000 of 52,345 (10,000 rows are read at most). "
        "The filter did not see the others. For others set start and limit in data."
    )
    monkeypatch.setattr(paged, "SECONDS", 0.0)
    told = await upstream().get("/nodes/pve1/syslog")
    assert "only rows 1-50 of 1,014 (within 0 s)" in told
    assert "filter" not in told


@pytest.mark.parametrize(
    ("data", "said", "asked"),
    [
        ({"limit": 5}, "rows 1-5 of 1,014, as start and limit say.", {"limit": "5"}),
        ({"start": 100}, "rows 101-150 of 1,014, as start and limit say.", {"start": "100"}),
        ({"start": 1000, "limit": 100}, "rows 1,001-1,014 of 1,014, as", {"start": "1000", "limit": "100"}),
    ],
)
async def test_a_part_that_the_caller_asks_for_is_kept_to_and_named(
    data: dict[str, int], said: str, asked: dict[str, str], upstream: Callable[..., Upstream]
) -> None:
    there = upstream()
    told = await there.get(f"/nodes/pve1/tasks/{UPID}/log", View.of(filter="t~nowhere"), **data)
    assert said in told
    assert "The filter did not see the others." in told
    assert there.pages.asked == [asked]


async def test_a_part_is_not_called_whole_where_no_total_is_told(upstream: Callable[..., Upstream]) -> None:
    told = await upstream(total=False).get("/nodes/pve1/tasks", limit=5)
    assert "only rows 1-5 of a list that may be longer, as start and limit say." in told


async def test_all_lines_that_the_caller_asks_for_are_all(upstream: Callable[..., Upstream]) -> None:
    for total in (True, False):
        told = await upstream(total=total).get(f"/nodes/pve1/tasks/{UPID}/log", View.of(filter="t~error"), limit=0)
        assert "1 of 1014 match" in told
        assert "Not all rows" not in told


async def test_what_was_read_stays_where_reading_on_fails(upstream: Callable[..., Upstream]) -> None:
    told = await upstream(fails_from=50).get("/nodes/pve1/syslog", View.of(filter="t~error"))
    assert told.splitlines()[1:] == [
        "(none of 50 matches the filter)",
        (
            "Not all rows were read: only rows 1-50 of 1,014 "
            '(reading on failed: Proxmox says: "the journal is damaged"). '
            "The filter did not see the others. For others set start and limit in data."
        ),
    ]


async def test_each_place_of_many_reads_on_and_says_what_it_did_not_read(upstream: Callable[..., Upstream]) -> None:
    told = await upstream().get("/nodes/*/tasks", View.of(filter="status=failed", fields="node,id"))
    assert "2 of 2028 match" in told
    told = await upstream(rows=30_000).get("/nodes/*/tasks", View.of(filter="status=lost"))
    assert "(none of 10000 matches the filter)" in told
    for node in ("pve1", "pve2"):
        assert f"/nodes/{node}/tasks: Not all rows were read: only rows 1-5,000 of 30,000" in told


async def test_a_short_list_is_asked_for_once(upstream: Callable[..., Upstream]) -> None:
    there = upstream(rows=12, total=False)
    assert "(all 12 rows)" in await there.get("/nodes/pve1/tasks", View.of(fields="id"))
    assert len(there.pages.asked) == 1


async def test_a_list_that_takes_no_start_is_read_once_and_says_that_there_is_more(
    upstream: Callable[..., Upstream],
) -> None:
    there = upstream()
    told = await there.get("/nodes/pve1/services", View.of(filter="t~error"))
    assert "Not all rows were read: only rows 1-50 of 1,014. The filter did not see the others." in told
    assert there.pages.asked == [{}]
