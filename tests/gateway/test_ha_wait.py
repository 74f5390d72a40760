"""Requests to HA, followed to the state asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from patience import from_now
from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.errors import FailedError
from proxmox_mcp.gateway import NO_CLIENT, ha_wait
from proxmox_mcp.gateway.ha_wait import HaRequest, follow_ha, request_of_call, request_of_task
from proxmox_mcp.policy.call import Call
from proxmox_mcp.proxmox.tasks import TaskOutcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gateway.conftest import Script
    from proxmox_mcp.gateway.cluster import Cluster
    from proxmox_mcp.gateway.guest_end import Aftermath

pytestmark = pytest.mark.anyio

UPID = "UPID:pve1:00004E20:00ABCDEF:6B000000:{}:100:mcp@pve!t1:"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ha_wait, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(ha_wait, "LONGEST_PAUSE", 0.001)


class Manager:
    """HA and its guest, another step at each look: (state for HA, node, status of the guest)."""

    def __init__(self, *steps: tuple[str, str, str]) -> None:
        self._steps: Iterator[tuple[str, str, str]] = iter(steps)
        self.now = steps[0]
        self.looks = 0

    async def answer(self, path: str) -> Any:
        if path == "/cluster/ha/status/current":
            self.now = next(self._steps, self.now)
            self.looks += 1
            state, node, _ = self.now
            return [{"type": "quorum"}, {"type": "service", "sid": "vm:100", "state": state, "node": node}]
        return {"status": self.now[2], "name": "web", "qmpstatus": self.now[2]}


async def followed(
    scripted: Callable[..., tuple[Cluster, Script]],
    request: HaRequest,
    manager: Manager,
    monkeypatch: pytest.MonkeyPatch,
    within: float = 30.0,
) -> Aftermath:
    cluster, _ = scripted()

    async def get(_self: Any, path: str, _params: Any = None, *, deadline: float | None = None) -> Any:
        return await manager.answer(path)

    monkeypatch.setattr(type(cluster.pve), "get", get)
    return await follow_ha(request, from_now(within), cluster, NO_CLIENT)


def outcome(kind: str, *tail: str) -> TaskOutcome:
    return TaskOutcome(upid=UPID.format(kind), state="ok", exit_status="OK", tail=tail)


def call(method: str, template: str, **data: Any) -> Call:
    path = ApiPath.parse(template.replace("{sid}", "vm:100"))
    return Call(method=method, path=path, template=template, path_params={"sid": "vm:100"}, data=data)


def test_tasks_and_calls_tell_what_was_asked_of_ha() -> None:
    assert request_of_task(outcome("hastart"), None) == HaRequest("100", state="running")
    assert request_of_task(outcome("hastop"), None) == HaRequest("100", state="stopped")
    log = "Requesting HA migration for VM 100 to node pve3"
    assert request_of_task(outcome("hamigrate", log), None) == HaRequest("100", node="pve3")
    to = Call(method="POST", path=ApiPath.parse("/nodes/pve1/qemu/100/migrate"), data={"target": "pve2"})
    assert request_of_task(outcome("hamigrate"), to) == HaRequest("100", node="pve2")
    assert request_of_task(outcome("hamigrate"), None) is None
    assert request_of_task(outcome("qmstart"), None) is None
    resource = "/cluster/ha/resources/{sid}"
    assert request_of_call(call("POST", f"{resource}/relocate", node="pve2")) == HaRequest("100", node="pve2")
    assert request_of_call(call("PUT", resource, state="disabled")) == HaRequest("100", state="stopped")
    assert request_of_call(call("PUT", resource, comment="x")) is None
    assert request_of_call(call("DELETE", resource)) is None
    assert request_of_call(Call(method="PUT", path=ApiPath.parse("/x"), template="/x")) is None


async def test_a_start_is_followed_until_the_guest_runs(
    scripted: Callable[..., tuple[Cluster, Script]], monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = Manager(("queued", "pve1", "stopped"), ("starting", "pve1", "stopped"), ("started", "pve1", "running"))
    told = await followed(scripted, HaRequest("100", state="running"), manager, monkeypatch)
    assert (told.text, told.failed) == ("Done by HA: 100 web is running on pve1.", False)
    assert manager.looks == 3


async def test_a_migration_is_followed_to_its_node(
    scripted: Callable[..., tuple[Cluster, Script]], monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = Manager(("started", "pve1", "running"), ("migrate", "pve1", "running"), ("started", "pve2", "running"))
    told = await followed(scripted, HaRequest("100", node="pve2"), manager, monkeypatch)
    assert told.text == "Done by HA: 100 web is running on pve2."


async def test_a_migration_that_ends_where_it_began_was_given_up(
    scripted: Callable[..., tuple[Cluster, Script]], monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = Manager(("migrate", "pve1", "running"), ("started", "pve1", "running"))
    told = await followed(scripted, HaRequest("100", node="pve2"), manager, monkeypatch)
    assert told.failed
    assert told.text == ("NOT done by HA: 100 should be on pve2. HA has it as `started`. 100 web is running on pve1.")
    assert 'GET /nodes/pve1/tasks data={"vmid": 100, "errors": 1}' in told.advice


async def test_a_resource_in_the_state_error_was_given_up(
    scripted: Callable[..., tuple[Cluster, Script]], monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = Manager(("starting", "pve1", "stopped"), ("error", "pve1", "stopped"))
    told = await followed(scripted, HaRequest("100", state="running"), manager, monkeypatch)
    assert told.failed
    assert "HA has it as `error`. 100 web is stopped on pve1." in told.text
    assert "PUT /cluster/ha/resources/100" in told.advice


async def test_the_end_of_the_wait_is_told_with_the_state_that_was_seen(
    scripted: Callable[..., tuple[Cluster, Script]], monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = Manager(("starting", "pve1", "stopped"))
    told = await followed(scripted, HaRequest("100", state="running"), manager, monkeypatch, within=0)
    assert manager.looks == 1
    assert not told.failed
    assert told.text == (
        "The request is with HA, and not done yet: 100 should be running. HA has it as `starting`. "
        "100 web is stopped on pve1.\nHA continues. To look again: GET /cluster/ha/status/current"
    )


async def test_a_status_that_can_not_be_read_is_said(scripted: Callable[..., tuple[Cluster, Script]]) -> None:
    cluster, _ = scripted({"/cluster/ha/status/current": FailedError("no quorum")})
    told = await follow_ha(HaRequest("100", state="running"), from_now(0), cluster, NO_CLIENT)
    assert "not done yet: 100 should be running. no quorum" in told.text
    cluster, _ = scripted({"/cluster/ha/status/current": [{"type": "quorum"}]})
    told = await follow_ha(HaRequest("100", state="running"), from_now(0), cluster, NO_CLIENT)
    assert "HA has no such resource" in told.text
