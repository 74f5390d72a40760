"""Old snapshots that a rule had taken are deleted by a plan, and nobody else's."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from gateway.conftest import gateway_to_demo
from patience import until
from proxmox_mcp.errors import ConfirmationNeededError
from proxmox_mcp.gateway import Gateway, Request
from proxmox_mcp.policy.caller import Caller, Mode
from proxmox_mcp.record.changes_text import listing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from demo_api import Api
    from proxmox_mcp.demo import DemoCluster

pytestmark = pytest.mark.anyio

VM, CONTAINER = "/nodes/pve3/qemu/102", "/nodes/pve3/lxc/132"
RULE = '[[rule]]\nverdict = "allow"\npath = "/nodes/{node}/qemu/{vmid}/config"\nsnapshot = true\n'
RULE += '[[rule]]\nverdict = "allow"\npath = "/nodes/{node}/lxc/{vmid}/config"\nsnapshot = true\n'


@pytest.fixture
async def gateway(demo: DemoCluster, tmp_path: Path) -> AsyncIterator[Gateway]:
    (tmp_path / "policy.toml").write_text(RULE)
    async with gateway_to_demo(demo, tmp_path, MCP_POLICY_FILE=str(tmp_path / "policy.toml")) as made:
        yield made


def names(api: Api, guest: str) -> list[str]:
    return sorted(each["name"] for each in api.get(f"{guest}/snapshot") if each["name"] != "current")


async def test_what_rules_had_taken_is_listed_as_a_group_and_removed_by_one_plan(gateway: Gateway, api: Api) -> None:
    api.done("POST", f"{VM}/snapshot", snapname="mcp-of-a-person")
    until(lambda: names(api, VM) == ["mcp-of-a-person"])
    for guest in (VM, CONTAINER):
        await gateway.call(Request(path=f"{guest}/config", method="PUT", data={"description": "by a rule"}))
    changes = gateway.changes
    assert changes is not None
    assert len(names(api, VM)) == 2
    assert len(names(api, CONTAINER)) == 1
    assert "\n2 snapshots that a rule had taken first, since " in listing(changes.listed())

    assert await gateway.prune(time.time() - 3600, Request(path="/")) == (
        "No snapshot that a rule had taken is that old."
    )
    stated = await gateway.prune(time.time() + 60, Request(path="/", dry_run=True))
    assert stated.startswith("Dry run, nothing was sent.\nPlan: 2 steps on 2 objects"), stated
    assert len(names(api, VM)) == 2

    done = await gateway.prune(time.time() + 60, Request(path="/"))
    assert done.startswith("plan 1: done, 2 steps."), done
    assert names(api, VM) == ["mcp-of-a-person"]
    assert names(api, CONTAINER) == []
    deleted = changes.of_plan(1)
    assert [each.method for each in deleted] == ["DELETE", "DELETE"]
    assert {changes.get(each.undoes).undone_by for each in deleted if each.undoes} == {each.number for each in deleted}
    assert "that a rule had taken first" not in listing(changes.listed())
    api.done("DELETE", f"{VM}/snapshot/mcp-of-a-person")


async def test_removing_them_is_asked_about(gateway: Gateway, api: Api) -> None:
    await gateway.call(Request(path=f"{VM}/config", method="PUT", data={"description": "once more"}))
    taken = names(api, VM)
    assert len(taken) == 1
    guarded = Request(path="/", caller=Caller(name="ops", mode=Mode.GUARDED))
    with pytest.raises(ConfirmationNeededError, match=f"DELETE {VM}/snapshot/{taken[0]}"):
        await gateway.prune(time.time() + 60, guarded)
    assert names(api, VM) == taken
    await gateway.prune(time.time() + 60, Request(path="/"))
    assert names(api, VM) == []


async def test_a_change_is_undone_also_when_the_snapshot_before_it_is_gone(gateway: Gateway, api: Api) -> None:
    before = api.get(f"{VM}/config").get("description")
    told = await gateway.call(Request(path=f"{VM}/config", method="PUT", data={"description": "for a while"}))
    assert "parent" not in told
    changes = gateway.changes
    assert changes is not None
    number = changes.listed(most=1)[0].number
    await gateway.prune(time.time() + 60, Request(path="/"))
    await gateway.undo(str(number), Request(path="/"))
    assert api.get(f"{VM}/config").get("description") == before
    await gateway.prune(time.time() + 60, Request(path="/"))
