"""Changes undone through the gateway on the demo cluster: in turn, backwards, and not where others wrote since."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from gateway.conftest import gateway_to_demo
from proxmox_mcp.cli.terminal_client import TerminalClient
from proxmox_mcp.errors import CallError, ConfirmationNeededError
from proxmox_mcp.gateway import Gateway, Request
from proxmox_mcp.policy.caller import Caller, Mode

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from demo_api import Api
    from proxmox_mcp.demo import DemoCluster

pytestmark = pytest.mark.anyio

VM = "/nodes/pve3/qemu/102"
CONFIG = f"{VM}/config"


@pytest.fixture
async def gateway(demo: DemoCluster, tmp_path: Path) -> AsyncIterator[Gateway]:
    async with gateway_to_demo(demo, tmp_path) as made:
        yield made


async def write(gateway: Gateway, method: str, path: str, /, **data: Any) -> int:
    """Make a call; the number of its change."""
    await gateway.call(Request(path=path, method=method, data=data))
    assert gateway.changes is not None
    return gateway.changes.listed(most=1)[0].number


async def undo(gateway: Gateway, which: int | str, **more: Any) -> str:
    return await gateway.undo(str(which), Request(path="/", **more))


async def test_a_change_is_undone_and_says_by_what(gateway: Gateway, api: Api) -> None:
    before = api.get(CONFIG)
    number = await write(gateway, "PUT", CONFIG, cores=7, description="a\nb", delete="onboot")
    assert (await undo(gateway, number)).startswith("plan ")
    assert _same(api.get(CONFIG), before)
    assert gateway.changes is not None
    assert gateway.changes.get(number).undone_by == number + 1
    with pytest.raises(CallError, match=f"Change {number} was undone by change {number + 1} already"):
        await undo(gateway, number)


async def test_an_undo_is_undone_like_any_change(gateway: Gateway, api: Api) -> None:
    number = await write(gateway, "PUT", CONFIG, cores=7)
    await undo(gateway, number)
    await undo(gateway, number + 1)
    assert str(api.get(CONFIG)["cores"]) == "7"
    await undo(gateway, number)
    assert str(api.get(CONFIG)["cores"]) == "4"


async def test_it_is_refused_with_the_difference_where_the_same_value_was_changed_since(
    gateway: Gateway, api: Api
) -> None:
    number = await write(gateway, "PUT", CONFIG, cores=7)
    api.done("PUT", CONFIG, cores=6)
    with pytest.raises(CallError, match="was changed since: cores: 7 → 6") as caught:
        await undo(gateway, number)
    assert "Nothing was sent." in caught.value.advice
    api.done("PUT", CONFIG, cores=4)


async def test_other_values_may_have_changed_since_and_stay(gateway: Gateway, api: Api) -> None:
    number = await write(gateway, "PUT", CONFIG, cores=7)
    api.done("PUT", CONFIG, description="of somebody else")
    await undo(gateway, number)
    config = api.get(CONFIG)
    assert (str(config["cores"]), config["description"]) == ("4", "of somebody else")
    api.done("PUT", CONFIG, delete="description")


async def test_what_was_deleted_and_is_there_again_is_not_made_twice(gateway: Gateway, api: Api) -> None:
    api.done("POST", "/access/groups", groupid="twice")
    number = await write(gateway, "DELETE", "/access/groups/twice")
    api.done("POST", "/access/groups", groupid="twice")
    with pytest.raises(CallError, match="There is /access/groups/twice again"):
        await undo(gateway, number)
    api.done("DELETE", "/access/groups/twice")


async def test_what_has_no_way_back_says_why(gateway: Gateway) -> None:
    number = await write(gateway, "PUT", f"{VM}/resize", disk="scsi0", size="+1G")
    with pytest.raises(CallError, match="cannot be undone: a disk can't be shrunk"):
        await undo(gateway, number)


async def test_a_rule_is_deleted_where_it_is_by_now(gateway: Gateway, api: Api) -> None:
    before = api.get("/cluster/firewall/rules")
    number = await write(gateway, "POST", "/cluster/firewall/rules", type="in", action="DROP", comment="ours")
    api.done("POST", "/cluster/firewall/rules", type="in", action="ACCEPT", comment="on top")
    await undo(gateway, number)
    comments = [rule.get("comment") for rule in api.get("/cluster/firewall/rules")]
    assert "ours" not in comments
    assert "on top" in comments
    api.done("DELETE", f"/cluster/firewall/rules/{comments.index('on top')}")
    assert api.get("/cluster/firewall/rules") == before


async def test_values_that_look_like_references_of_a_plan_are_restored_as_they_were(gateway: Gateway, api: Api) -> None:
    api.done("PUT", CONFIG, description="${1.vmid} ${9.x}")
    number = await write(gateway, "PUT", CONFIG, description="other")
    await undo(gateway, number)
    assert api.get(CONFIG)["description"].strip() == "${1.vmid} ${9.x}"
    api.done("PUT", CONFIG, delete="description")


async def test_a_plan_is_undone_backwards(gateway: Gateway, api: Api) -> None:
    before = api.get(CONFIG)
    number = await write(gateway, "PUT", CONFIG, cores=7)
    changes = gateway.changes
    assert changes is not None
    second = await write(gateway, "PUT", CONFIG, cores=9, memory=1024)
    with changes.store.transaction() as db:
        table = db.tables.changes
        db.execute(table.update().where(table.c.number.in_((number, second))).values(plan=77))
    await undo(gateway, "plan 77")
    assert _same(api.get(CONFIG), before)
    assert [changes.get(each).undone_by is not None for each in (number, second)] == [True, True]


async def test_a_caller_undoes_only_its_own(gateway: Gateway) -> None:
    number = await write(gateway, "PUT", CONFIG, cores=7)
    with pytest.raises(CallError, match=f"There is no change {number}"):
        await gateway.undo(str(number), Request(path="/", caller=Caller(name="dev", mode=Mode.FULL)), caller="dev")
    await undo(gateway, number)


async def test_a_dry_run_states_the_way_back_and_sends_nothing(gateway: Gateway, api: Api) -> None:
    number = await write(gateway, "PUT", CONFIG, cores=7)
    stated = await undo(gateway, number, dry_run=True)
    assert stated.startswith("Dry run, nothing was sent.\nPlan: undo of change ")
    assert f"PUT {CONFIG} (restores cores)" in stated
    assert str(api.get(CONFIG)["cores"]) == "7"
    await undo(gateway, number)


async def test_an_undo_is_confirmed_by_its_own_effects(gateway: Gateway, api: Api) -> None:
    """Making a user is allowed; deleting it is asked about, also where that is the way back."""
    number = await write(gateway, "POST", "/access/users", userid="eve@pve")
    with pytest.raises(ConfirmationNeededError):
        await gateway.undo(str(number), Request(path="/", caller=Caller(name="ops", mode=Mode.GUARDED)))
    assert api.get("/access/users/eve@pve")
    await undo(gateway, number)
    assert api.answer("GET", "/access/users/eve@pve")[0] != 200


async def test_what_was_made_is_not_deleted_where_it_was_changed_since(gateway: Gateway, api: Api) -> None:
    number = await write(gateway, "POST", "/access/users", userid="kim@pve", comment="new")
    api.done("PUT", "/access/users/kim@pve", comment="of somebody else")
    with pytest.raises(CallError, match='made was changed since: comment: new → "of somebody else"') as caught:
        await undo(gateway, number)
    assert "delete it all the same: DELETE /access/users/kim@pve" in caught.value.advice
    api.done("PUT", "/access/users/kim@pve", comment="new")
    await undo(gateway, number)
    assert api.answer("GET", "/access/users/kim@pve")[0] != 200


async def test_a_new_guest_is_not_deleted_where_its_configuration_was_changed_since(gateway: Gateway, api: Api) -> None:
    number = await write(gateway, "POST", "/nodes/pve1/qemu", vmid=7001, name="new", memory=512)
    api.done("PUT", "/nodes/pve1/qemu/7001/config", memory=1024)
    with pytest.raises(CallError, match="made was changed since: memory: 512 → 1024"):
        await undo(gateway, number)
    api.done("PUT", "/nodes/pve1/qemu/7001/config", memory=512)
    await undo(gateway, number)
    assert api.answer("GET", "/nodes/pve1/qemu/7001/config")[0] != 200


async def test_what_was_made_and_changed_by_one_plan_is_undone_backwards(gateway: Gateway, api: Api) -> None:
    guest = "/nodes/pve1/qemu/7002"
    numbers = [
        await write(gateway, "POST", "/nodes/pve1/qemu", vmid=7002, name="new", memory=512),
        await write(gateway, "PUT", f"{guest}/config", memory=1024),
        await write(gateway, "POST", f"{guest}/snapshot", snapname="one"),
        await write(gateway, "PUT", f"{guest}/snapshot/one/config", description="said later"),
    ]
    changes = gateway.changes
    assert changes is not None
    with changes.store.transaction() as db:
        table = db.tables.changes
        db.execute(table.update().where(table.c.number.in_(numbers)).values(plan=78))
    await undo(gateway, "plan 78")
    assert api.answer("GET", f"{guest}/config")[0] != 200


async def test_what_went_with_a_guest_is_on_record(gateway: Gateway, api: Api) -> None:
    guest = "/nodes/pve1/qemu/7003"
    await write(gateway, "POST", "/nodes/pve1/qemu", vmid=7003, name="new", memory=512)
    api.done("PUT", "/access/acl", path="/vms/7003", users="root@pam", roles="PVEVMUser")
    api.done("POST", "/cluster/ha/resources", sid="vm:7003", state="stopped")
    number = await write(gateway, "DELETE", guest, purge=1)
    assert gateway.changes is not None
    deleted = gateway.changes.get(number).deleted
    assert deleted == (guest, "right PVEVMUser of root@pam on /vms/7003", "HA resource vm:7003 (state stopped)")


async def test_the_record_has_the_statement_that_was_confirmed(gateway: Gateway, api: Api) -> None:
    api.done("POST", "/access/users", userid="lee@pve")
    guarded = Caller(name="ops", mode=Mode.GUARDED)
    asked = Request(path="/access/users/lee@pve", method="DELETE", caller=guarded)
    await gateway.call(asked, TerminalClient(agrees=True))
    made = Request(path="/access/users", method="POST", data={"userid": "lee@pve", "password": "top-secret-1"})
    await gateway.call(replace(made, caller=guarded), TerminalClient(agrees=True))
    assert gateway.changes is not None
    created, deleted = gateway.changes.listed(most=2)
    assert deleted.confirmation == "person"
    assert deleted.statement.startswith("DELETE /access/users/lee@pve\nEffects:\n- ")
    assert "top-secret-1" not in str(created)
    api.done("DELETE", "/access/users/lee@pve")


async def test_what_can_be_undone_whole_destroys_nothing_after_the_question_either(gateway: Gateway, api: Api) -> None:
    """A yes is bound to the effects that were stated, and the call is judged again once it was given."""
    api.done("POST", "/cluster/backup", id="nightly", all="1", schedule="daily", storage="local")
    asked = Request(path="/cluster/backup/nightly", method="DELETE", caller=Caller(name="ops", mode=Mode.GUARDED))
    done = await gateway.call(asked, TerminalClient(agrees=True))
    assert "can be undone" in done
    assert gateway.changes is not None
    (deleted,) = gateway.changes.listed(most=1)
    assert deleted.confirmation == "person"
    assert "- disrupt" in deleted.statement
    assert "destroy" not in deleted.statement


async def test_a_write_of_unknown_outcome_is_not_undone(gateway: Gateway) -> None:
    number = await write(gateway, "PUT", CONFIG, cores=4)
    changes = gateway.changes
    assert changes is not None
    with changes.store.transaction() as db:
        table = db.tables.changes
        db.execute(table.update().where(table.c.number == number).values(outcome="", finished=None))
    with pytest.raises(CallError, match="It is unknown whether change"):
        await undo(gateway, number)


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return {k: str(v) for k, v in one.items() if k != "digest"} == {
        k: str(v) for k, v in other.items() if k != "digest"
    }
