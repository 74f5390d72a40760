from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from proxmox.conftest import reader
from proxmox_mcp.errors import UnreachableError
from proxmox_mcp.proxmox.inventory import Guest, Inventory, Resources, near

if TYPE_CHECKING:
    from pathlib import Path

RECORDS = [
    {"type": "node", "node": "pve1", "status": "online"},
    {"type": "node", "node": "pve2", "status": "offline"},
    {
        "type": "qemu",
        "vmid": 100,
        "name": "web-01",
        "node": "pve1",
        "status": "running",
        "tags": "prod;web",
        "template": 0,
    },
    {
        "type": "lxc",
        "vmid": "101",
        "name": "Forum",
        "node": "pve2",
        "status": "unknown",
        "pool": "staging",
        "lock": "backup",
    },
    {"type": "qemu", "vmid": 102, "node": "pve1", "template": 1},
    {
        "type": "storage",
        "storage": "local",
        "node": "pve1",
        "status": "available",
        "content": "iso,backup",
        "shared": 0,
    },
    {"type": "pool", "pool": "staging"},
    {"type": "network", "network": "localnetwork", "node": "pve1"},
]
RESOURCES = Resources.of(RECORDS)


class Api:
    """Answers with what it is given, and counts."""

    def __init__(self, data: Any) -> None:
        self.data = data
        self.asked = 0

    async def request(self, method: str, path: str, params: Any = None, *, deadline: float | None = None) -> Any:
        self.asked += 1
        await anyio.sleep(0.01)
        assert (method, path) == ("GET", "/cluster/resources")
        if isinstance(self.data, Exception):
            raise self.data
        return self.data


def test_guests_are_found_by_id_and_by_name() -> None:
    web = Guest(100, "qemu", "web-01", "pve1", "running", ("prod", "web"))
    assert RESOURCES.guest(100) == RESOURCES.guest("100") == web
    assert RESOURCES.named("web-01") == (web,)
    assert [g.vmid for g in RESOURCES.named("forum")] == [101]
    assert RESOURCES.guest("999") is None
    assert RESOURCES.guest("web-01") is None
    assert RESOURCES.guest("²") is None
    assert RESOURCES.named("") == (RESOURCES.guest(102),)


def test_what_a_guest_is_can_be_read_off_it() -> None:
    forum, template = RESOURCES.guest(101), RESOURCES.guest(102)
    assert forum is not None
    assert template is not None
    assert (forum.path, forum.pool, forum.lock) == ("/nodes/pve2/lxc/101", "staging", "backup")
    assert str(forum) == "101 (Forum, lxc on pve2)"
    assert template.template


def test_nodes_storages_and_pools_are_in_it_too() -> None:
    assert [(n.name, n.status) for n in RESOURCES.nodes] == [("pve1", "online"), ("pve2", "offline")]
    assert RESOURCES.storages[0].content == ("iso", "backup")
    assert RESOURCES.pools == ("staging",)


@pytest.mark.parametrize(
    "data", [None, [], {}, "x", [1, None, {"type": "qemu"}, {"type": "storage"}, {"type": "node"}]]
)
def test_odd_records_make_no_guest(data: Any) -> None:
    resources = Resources.of(data)
    assert (resources.guests, resources.nodes, resources.storages, resources.pools) == ((), (), (), ())


def test_the_sample_of_fifty_guests_is_read_whole(shared_data: Path) -> None:
    data = json.loads((shared_data / "guests-50.json").read_text())
    resources = Resources.of(data["data"] if isinstance(data, dict) else data)
    assert (len(resources.guests), len(resources.nodes), len(resources.storages)) == (50, 3, 12)


@pytest.mark.parametrize(
    ("name", "found"),
    [("web-1", ["web-01"]), ("WEB-01", ["web-01"]), ("forun", ["forum"]), ("db", ["forum", "web-01", "xyz"])],
)
def test_near_names_are_offered_and_a_short_list_whole(name: str, found: list[str]) -> None:
    assert near(name, ["forum", "web-01", "xyz"]) == found


def test_a_long_list_in_which_nothing_is_near_offers_nothing() -> None:
    assert near("database", [f"q{n}" for n in range(50)]) == []


@pytest.mark.anyio
async def test_one_snapshot_serves_all_who_ask_at_the_time() -> None:
    api = Api(RECORDS)
    inventory = Inventory(reader(api), kept=60)
    async with anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(inventory.resources)
    assert api.asked == 1
    inventory.forget()
    await inventory.resources()
    await inventory.resources(fresh=True)
    assert api.asked == 3


@pytest.mark.anyio
async def test_a_snapshot_grows_old() -> None:
    api = Api(RECORDS)
    inventory = Inventory(reader(api), kept=0.02)
    await inventory.resources()
    await anyio.sleep(0.05)
    await inventory.resources()
    assert api.asked == 2


@pytest.mark.anyio
async def test_a_failure_is_the_callers_and_is_not_kept() -> None:
    api = Api(UnreachableError("down"))
    inventory = Inventory(reader(api))
    with pytest.raises(UnreachableError):
        await inventory.resources()
    api.data = RECORDS
    assert (await inventory.resources()).guests
