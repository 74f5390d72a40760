"""A rule that asks for a snapshot has one taken before the call, or the call is refused with the reason."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from gateway.conftest import SECRET, records
from proxmox.raw_server import RawServer, Request, reply
from proxmox.raw_server import serving as raw_serving
from proxmox_mcp.errors import DeniedError
from proxmox_mcp.gateway import Request as Asked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from proxmox_mcp.gateway import Gateway

pytestmark = pytest.mark.anyio

GUEST = "/nodes/pve1/qemu/100"
RULE = '[[rule]]\nverdict = "allow"\npath = "/nodes/{node}/qemu/**"\nsnapshot = true\n'
CHANGE = Asked(method="PUT", path=f"{GUEST}/config", data={"cores": 4})


class Node:
    """A node with one VM, which tests change."""

    def __init__(self) -> None:
        self.storage: dict[str, Any] = {"plugintype": "lvmthin", "disk": 50, "maxdisk": 100}
        self.feature: Any = {"hasFeature": 1}
        self.backups: list[dict[str, Any]] = []
        self.template = 0
        self.posted: list[tuple[str, str, dict[str, str]]] = []
        self.snapshots_fail = False

    def __call__(self, request: Request, connection: Any) -> None:
        path, _, query = request.target.removeprefix("/api2/json").partition("?")
        if request.method == "GET":
            connection.sendall(reply(self.answer(path)))
            return
        given = parse_qs(request.body.decode() or query)
        self.posted.append((request.method, path, {name: values[0] for name, values in given.items()}))
        if path.endswith("/snapshot") and self.snapshots_fail:
            connection.sendall(reply(None, status=500, reason="storage is locked"))
            return
        connection.sendall(reply(None))

    def answer(self, path: str) -> Any:
        storage = {
            "type": "storage",
            "storage": "thin",
            "node": "pve1",
            "status": "available",
            "content": "images,backup",
        }
        match path:
            case "/cluster/resources":
                guest = {"type": "qemu", "vmid": 100, "name": "web", "node": "pve1", "status": "running"}
                return [
                    {"type": "node", "node": "pve1", "status": "online"},
                    {**guest, "template": self.template},
                    {**storage, **self.storage},
                ]
            case "/version":
                return {"version": "9.2.1", "release": "9.2"}
            case "/nodes/pve1/qemu/100/config":
                taken = sum(method == "POST" for method, _, _ in self.posted)
                return {"name": "web", "scsi0": "thin:vm-100-disk-0,size=8G", "digest": f"{taken:040}"}
            case "/nodes/pve1/qemu/100/feature":
                return self.feature
            case "/nodes/pve1/storage/thin/content":
                return self.backups
            case "/access/permissions":
                return {"/": {"VM.Audit": 1}}
            case _:
                return []

    @property
    def names(self) -> list[str]:
        return [f"{method} {path}" for method, path, _ in self.posted]


@pytest.fixture
def node() -> Node:
    return Node()


@pytest.fixture
def server(node: Node, certificate: tuple[Path, Path]) -> Iterator[RawServer]:
    with raw_serving(node, certificate) as server:
        yield server


@pytest.fixture
def gateway(server: RawServer, gateway_to: Callable[..., Gateway]) -> Gateway:
    return gateway_to(server.port, RULE)


async def refusal(gateway: Gateway, asked: Asked) -> str:
    with pytest.raises(DeniedError) as refused:
        await gateway.call(asked)
    return str(refused.value)


async def test_a_snapshot_is_taken_before_the_call_and_named_in_its_answer(gateway: Gateway, node: Node) -> None:
    answer = await gateway.call(CHANGE)
    assert node.names == [f"POST {GUEST}/snapshot", f"PUT {GUEST}/config"]
    sent = node.posted[0][2]
    assert sent["snapname"].startswith("mcp-")
    assert sent["description"] == f"Before PUT {GUEST}/config, called by local"
    assert f"Snapshot {sent['snapname']} of 100 was taken first. Back to it: POST {GUEST}/snapshot/" in answer
    assert SECRET not in answer


async def test_the_snapshot_is_a_call_on_record_of_its_own(gateway: Gateway) -> None:
    await gateway.call(CHANGE)
    intents = [line for line in records(gateway) if line["event"] == "intent"]
    assert [line["path"] for line in intents] == [f"{GUEST}/snapshot", f"{GUEST}/config"]
    assert intents[0]["confirmation"] == f"before PUT {GUEST}/config: a rule"


async def test_a_digest_that_the_call_carries_is_that_after_the_snapshot(gateway: Gateway, node: Node) -> None:
    await gateway.call(Asked(method="PUT", path=f"{GUEST}/config", data={"cores": 4, "digest": "0" * 40}))
    assert node.posted[1][2]["digest"] == f"{1:040}"


async def test_a_digest_that_was_wrong_before_the_snapshot_stays_wrong(gateway: Gateway, node: Node) -> None:
    await gateway.call(Asked(method="PUT", path=f"{GUEST}/config", data={"cores": 4, "digest": "a" * 40}))
    assert node.posted[1][2]["digest"] == "a" * 40


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        (
            "storage",
            {"plugintype": "lvmthin", "disk": 81, "maxdisk": 100},
            "storage thin of 100 (web, qemu on pve1) is 81% full",
        ),
        ("feature", {"hasFeature": 0}, "the storage of 100 (web, qemu on pve1) takes no snapshots"),
        ("feature", [], "takes no snapshots"),
    ],
)
async def test_where_none_can_be_taken_nothing_is_sent(
    setting: str, value: Any, told: str, gateway: Gateway, node: Node
) -> None:
    setattr(node, setting, value)
    assert told in await refusal(gateway, CHANGE)
    assert node.posted == []


async def test_a_snapshot_that_fails_keeps_the_call_from_being_sent(gateway: Gateway, node: Node) -> None:
    node.snapshots_fail = True
    said = await refusal(gateway, CHANGE)
    assert "that failed: " in said
    assert "The call itself was not sent." in said
    assert node.names == [f"POST {GUEST}/snapshot"]


@pytest.mark.parametrize(("kind", "sent"), [("zfspool", False), ("lvmthin", True)])
async def test_a_rollback_where_only_the_newest_can_be_rolled_back_to_is_refused(
    kind: str, sent: bool, gateway: Gateway, node: Node
) -> None:
    node.storage["plugintype"] = kind
    rollback = Asked(method="POST", path=f"{GUEST}/snapshot/old/rollback")
    if sent:
        await gateway.call(rollback)
        assert node.names == [f"POST {GUEST}/snapshot", f"POST {GUEST}/snapshot/old/rollback"]
    else:
        assert "ZFS rolls back to the newest snapshot only" in await refusal(gateway, rollback)
        assert node.posted == []


@pytest.mark.parametrize(("hours", "sent"), [(2, True), (30, False), (None, False)])
async def test_a_deletion_needs_a_fresh_backup_in_place_of_a_snapshot(
    hours: int | None, sent: bool, gateway: Gateway, node: Node
) -> None:
    node.backups = [] if hours is None else [{"volid": "thin:b", "ctime": int(time.time()) - hours * 3600}]
    deletion = Asked(method="DELETE", path=GUEST)
    if sent:
        await gateway.call(deletion)
        assert node.names == [f"DELETE {GUEST}"]
    else:
        said = await refusal(gateway, deletion)
        assert "has no backup of the last day" in said
        assert "POST /nodes/pve1/vzdump with vmid=100" in said
        assert node.posted == []


async def test_a_call_on_a_snapshot_takes_none(gateway: Gateway, node: Node) -> None:
    await gateway.call(Asked(method="POST", path=f"{GUEST}/snapshot", data={"snapname": "mine"}))
    assert node.names == [f"POST {GUEST}/snapshot"]


async def test_a_template_and_a_read_take_none(gateway: Gateway, node: Node) -> None:
    await gateway.call(Asked(method="GET", path=f"{GUEST}/config"))
    assert node.posted == []
    node.template = 1
    await gateway.call(CHANGE)
    assert node.names == [f"PUT {GUEST}/config"]
