"""Three nodes and 2,000 guests: every answer of every tool stays within the budget, and nothing is cut silently."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from cl100k import count_tokens
from proxmox_mcp.assembly import gateway_of
from proxmox_mcp.errors import ViewError
from proxmox_mcp.gateway import Gateway
from proxmox_mcp.gateway.cluster import Cluster
from proxmox_mcp.gateway.pipeline import NOBODY, Pipeline
from proxmox_mcp.gateway.schema_source import SchemaKeeper
from proxmox_mcp.proxmox.access import Reader, Writer
from proxmox_mcp.proxmox.answers import Answer
from proxmox_mcp.proxmox.failover import State
from proxmox_mcp.record.audit import LOGGER
from proxmox_mcp.settings import load_settings
from resources import resources
from tool_calls import run_tool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from proxmox_mcp.proxmox.connection import Connection

BUDGET, CHARACTERS = 4000, 40_000
RECORDS = resources(2000)


@dataclass
class LargePve:
    """A cluster that answers at once, from what is made up here."""

    connection: Connection

    async def request(self, method: str, path: str, params: Any = None, *, deadline: float | None = None) -> Any:
        return (await self.answer(method, path, params, deadline=deadline)).data

    async def answer(self, method: str, path: str, params: Any = None, **_: Any) -> Answer:
        for pattern, made in _ANSWERS:
            if found := re.fullmatch(pattern, path):
                data = made(*found.groups())
                return Answer(data, len(data) if isinstance(data, list) else None)
        return Answer([], 0)

    def state(self) -> State:
        return State("pve1:8006", "the only one", ())


def _guests(node: str, kind: str) -> list[dict[str, Any]]:
    return [r for r in RECORDS if r["type"] == kind and r["node"] == node]


def _config(vmid: str) -> dict[str, Any]:
    nets = {f"net{n}": f"virtio=BC:24:11:00:00:{n:02X},bridge=vmbr{n},firewall=1,tag={n + 2}" for n in range(32)}
    disks = {f"scsi{n}": f"ceph:vm-{vmid}-disk-{n},iothread=1,size=64G" for n in range(31)}
    return {"name": f"vm-{vmid}", "cores": 8, "memory": 32_768, "description": "Notes\n" * 4000, **nets, **disks}


def _tasks(node: str) -> list[dict[str, Any]]:
    upid = f"UPID:{node}:000003EB:00001B6D:6B014D2D:vzdump:103:root@pam:"
    return [{"upid": upid, "node": node, "type": "vzdump", "id": "103", "status": "OK", "n": n} for n in range(3000)]


_ANSWERS: tuple[tuple[str, Any], ...] = (
    ("/version", lambda: {"version": "9.1.3", "release": "9.1"}),
    ("/cluster/resources", lambda: RECORDS),
    ("/access/permissions", lambda: {"/": {"VM.Audit": 1, "Sys.Audit": 1}}),
    (r"/nodes/([^/]+)/(qemu|lxc)", _guests),
    (r"/nodes/[^/]+/(?:qemu|lxc)/(\d+)/config", _config),
    (r"/nodes/[^/]+/(?:qemu|lxc)/\d+/snapshot", lambda: [{"name": f"s{n}", "snaptime": n * 86_400} for n in range(9)]),
    (r"/nodes/([^/]+)/tasks", _tasks),
    (
        r"/nodes/[^/]+/tasks/[^/]+/log",
        lambda: [{"n": n, "t": f"INFO: line {n} of a long backup"} for n in range(20_000)],
    ),
    (r"/nodes/[^/]+/rrddata", lambda: [{"time": t * 60, "cpu": t / 1e6, "memused": t * 1e9} for t in range(5000)]),
    (
        r"/nodes/[^/]+/storage/[^/]+/content",
        lambda: [{"volid": f"nas:backup/vzdump-qemu-{n}-2026.vma.zst", "size": n, "ctime": n} for n in range(10_000)],
    ),
    (r"/nodes/[^/]+/journal", lambda: [f"Nov 22 05:00:{n % 60:02} pve1 kernel: something {n}" for n in range(50_000)]),
    ("/cluster/log", lambda: [{"msg": "x" * 3000, "user": "root@pam", "time": n} for n in range(500)]),
    (
        "/access/users",
        lambda: [{"userid": f"user{n}@pve", "groups": ["a", "b"], "comment": "ü" * 90} for n in range(3000)],
    ),
)

GETS = (
    "/cluster/resources", "/nodes/pve1/qemu", "/nodes/*/qemu", "/nodes/*/lxc", "/nodes/*/qemu/*/snapshot",
    "/nodes/*/qemu/*/config", "/nodes/*/guests/*/config", "/nodes/*/guests/*/snapshot", "/nodes/*/guests",
    "/nodes/*/tasks", "/nodes/pve1/tasks",
    "/nodes/pve1/rrddata?timeframe=day", "/nodes/*/rrddata?timeframe=day",
    "/nodes/*/storage/*/content", "/nodes/pve1/storage/nas/content", "/nodes/pve1/journal", "/cluster/log",
    "/access/users", "/nodes/pve1/tasks/UPID:pve1:000003EB:00001B6D:6B014D2D:vzdump:103:root@pam:/log",
)  # fmt: skip
OF_EVERY_GUEST = [path for path in GETS if path.endswith(("/*/config", "/*/snapshot"))]
VIEWS: tuple[dict[str, Any], ...] = ({}, {"limit": 5}, {"limit": 100_000}, {"fields": "node"}, {"filter": "node~pve"})
TYPES = ("all", "vm", "qemu", "lxc", "storage", "node", "pool")


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    environment = {"PROXMOX_HOST": "127.0.0.1", "PROXMOX_USER": "root@pam", "PROXMOX_PASSWORD": "x" * 12}
    gateway = gateway_of(load_settings({**environment, "MCP_CACHE_DIR": str(tmp_path), "MCP_RATE_LIMIT": "0"}))
    connection = gateway.clusters["default"].pve.connection
    pve: Any = LargePve(connection)
    reader = Reader(pve)
    keeper = SchemaKeeper(reader, "bundled", None)
    pipeline = Pipeline(
        gateway.guard,
        {"default": Writer(pve, gateway.guard.freezes.refuse_if_frozen)},
        validation="auto",
        task_wait=0.0,
        observer=NOBODY,
    )
    yield Gateway({"default": Cluster.of("default", reader, keeper)}, pipeline, budget=gateway.budget)
    gateway.guard.close()


async def _told(gateway: Gateway, tool: str, **arguments: Any) -> str:
    """The answer, or the error that is one: a view that does not suit the data is refused by name."""
    try:
        return await run_tool(gateway, tool, **arguments)
    except ViewError as error:
        return str(error)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("path", "views"),
    [
        *((path, VIEWS[:1]) for path in GETS[::3] if path not in OF_EVERY_GUEST),
        # 500 calls in each view of what every guest has.
        *(pytest.param(path, VIEWS, marks=pytest.mark.slow) for path in GETS),
    ],
)
async def test_whatever_is_read_stays_within_the_budget(
    path: str, views: tuple[dict[str, Any], ...], gateway: Gateway
) -> None:
    for view in views:
        text = await _told(gateway, "proxmox_api_get", path=path, **view)
        assert count_tokens(text) <= BUDGET * 1.1, (path, view)
        assert len(text) < CHARACTERS, (path, view)


@pytest.mark.anyio
@pytest.mark.parametrize("kind", TYPES)
async def test_whatever_is_listed_stays_within_the_budget(kind: str, gateway: Gateway) -> None:
    for view in VIEWS:
        text = await _told(gateway, "get_cluster_resources", type=kind, **view)
        assert count_tokens(text) <= BUDGET * 1.1, (kind, view)
        assert len(text) < CHARACTERS, (kind, view)


@pytest.mark.anyio
async def test_a_list_that_does_not_fit_says_how_many_there_are_and_where_it_goes_on(gateway: Gateway) -> None:
    text = await _told(gateway, "get_cluster_resources", type="vm")
    cursor = re.search(r"of 2000, next: cursor=(\S+)\)", text)
    assert cursor is not None, text[-200:]
    following = await _told(gateway, "get_cluster_resources", type="vm", cursor=cursor[1])
    assert "of 2000" in following


@pytest.mark.anyio
async def test_all_pages_together_show_every_guest_once(gateway: Gateway) -> None:
    seen: list[str] = []
    cursor = ""
    for _ in range(100):
        view = {"cursor": cursor} if cursor else {}
        text = await _told(gateway, "get_cluster_resources", type="vm", fields="vmid", **view)
        seen += re.findall(r"^\d+$", text, re.MULTILINE)
        following = re.search(r"next: cursor=(\S+)\)", text)
        if following is None:
            break
        cursor = following[1]
    assert sorted(map(int, seen)) == sorted(r["vmid"] for r in RECORDS if r["type"] in ("qemu", "lxc"))


@pytest.mark.anyio
async def test_a_fan_out_over_more_places_than_one_call_asks_goes_on_by_its_cursor(gateway: Gateway) -> None:
    text = await _told(gateway, "proxmox_api_get", path="/nodes/*/qemu/*/snapshot", filter="name=s1", fields="vmid")
    assert "cursor=places-500" in text
    text = await _told(
        gateway,
        "proxmox_api_get",
        path="/nodes/*/qemu/*/snapshot",
        filter="name=s1",
        fields="vmid",
        cursor="places-500",
    )
    assert "Places 501-" in text


@pytest.fixture
def looked_through(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The records that secrets are looked for in."""
    looked: list[Any] = []
    redact = gateway.guard.redactor.data

    def data(value: Any, *more: Any) -> Any:
        looked.extend(value if isinstance(value, list) else [value] if isinstance(value, dict) else [])
        return redact(value, *more)

    monkeypatch.setattr(gateway.guard.redactor, "data", data)
    return looked


@pytest.mark.anyio
@pytest.mark.parametrize("view", [{}, {"limit": 40}, {"fields": "vmid,name,node"}, {"raw": True}])
async def test_secrets_are_looked_for_in_the_rows_of_a_page_only(
    view: dict[str, Any], gateway: Gateway, looked_through: list[Any]
) -> None:
    text = await run_tool(gateway, "get_cluster_resources", type="vm", **view)
    (last,) = re.findall(r"\(guests 1-(\d+) of 2000, ", text)
    assert int(last) <= sum("vmid" in record for record in looked_through) <= int(last) + 1


@pytest.mark.anyio
async def test_secrets_are_looked_for_in_the_nodes_that_are_listed_only(
    gateway: Gateway, looked_through: list[Any]
) -> None:
    await run_tool(gateway, "list_nodes")
    assert [record["node"] for record in looked_through if "node" in record] == ["pve1", "pve2", "pve3"]


@pytest.mark.anyio
async def test_a_filter_finds_no_secret_and_no_page_shows_one(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = {"name": "db password=Hunter22", "tags": "api_token=Hunter23"}
    monkeypatch.setitem(globals(), "RECORDS", [{**record, **named} for record in RECORDS])
    page = await run_tool(gateway, "get_cluster_resources", type="vm")
    assert "[secret]" in page
    assert "Hunter" not in page
    (cursor,) = re.findall(r"next: cursor=(\S+?)\)", page)
    following = await run_tool(gateway, "get_cluster_resources", type="vm", cursor=cursor)
    assert "Hunter" not in following
    assert "has changed" not in following
    found = await run_tool(gateway, "get_cluster_resources", type="vm", filter="name~Hunter22")
    assert "none of 2000 guests matches" in found


@pytest.mark.anyio
async def test_a_page_that_is_refused_is_on_record_as_a_read_that_went_well(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    with pytest.raises(ViewError, match="the list now has 2000 entries"):
        await run_tool(gateway, "get_cluster_resources", type="vm", cursor="5000-abcd")
    (line,) = (json.loads(record.message) for record in caplog.records if record.name == LOGGER)
    assert line["result"] == "ok"
