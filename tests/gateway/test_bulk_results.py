"""Tasks for many guests: what the log says, and how the guests are after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gateway.conftest import guest
from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.errors import FailedError
from proxmox_mcp.gateway.bulk_results import guests_after
from proxmox_mcp.policy.call import Call
from proxmox_mcp.proxmox.guest_results import GuestResults
from proxmox_mcp.proxmox.tasks import TaskOutcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox_mcp.gateway.guest_end import Aftermath

    Scripted = Callable[..., tuple[Any, Any]]

pytestmark = pytest.mark.anyio

UPID = "UPID:pve1:00004E20:00ABCDEF:6B000000:{}::mcp@pve!t1:"
GUESTS = [guest(100, "web", "pve1"), guest(101, "db", "pve1"), guest(102, "ha", "pve1", hastate="started")]


def outcome(kind: str, *lines: str, state: str = "ok") -> TaskOutcome:
    results = GuestResults()
    results.add(lines)
    return TaskOutcome(upid=UPID.format(kind), state=state, exit_status="OK", guests=results.all())  # type: ignore[arg-type]


async def after(scripted: Scripted, ended: TaskOutcome, answers: dict[str, Any], **data: Any) -> Aftermath:
    cluster, _ = scripted({"/cluster/resources": GUESTS, **answers})
    path = ApiPath.parse(f"/nodes/pve1/{ended.task.type}")
    return await guests_after(ended, Call(method="POST", path=path, data=data), cluster)


def live(**states: str) -> dict[str, Any]:
    return {
        "/nodes/pve1/qemu": [{"vmid": int(vmid[1:]), "status": status} for vmid, status in states.items()],
        "/nodes/pve1/lxc": [],
    }


async def test_a_guest_that_was_begun_counts_as_running_only_if_it_runs(scripted: Scripted) -> None:
    ended = outcome("startall", "Starting VM 100", "Starting VM 101", "Starting VM 109", "Starting VM 109 failed: boom")
    told = await after(scripted, ended, live(v100="running", v101="stopped"))
    assert told.failed
    assert told.text == "3 guests: 2 FAILED, 1 running\n- 101 db: is stopped\n- 109: boom\nrunning: 100 web"


async def test_guests_that_still_run_after_stopall_are_told_whether_the_log_names_them_or_not(
    scripted: Scripted,
) -> None:
    stopped = outcome("stopall", "Stopping VM 100 (timeout = 180 seconds)")
    told = await after(scripted, stopped, live(v100="stopped", v101="running", v102="running"))
    assert told.text == (
        "3 guests: 1 FAILED, 1 left out, 1 stopped\n- 101 db: is running, the log does not name it\n"
        "left out: 102 ha (under HA)\nstopped: 100 web"
    )
    only = await after(
        scripted, outcome("stopall", "Stopping VM 100 (t)"), live(v100="stopped", v101="running"), vms="100"
    )
    assert (only.failed, only.text) == (False, "1 guest: 1 stopped\nstopped: 100 web")


async def test_guests_that_did_not_leave_a_node_are_told(scripted: Scripted) -> None:
    moved = [guest(100, "web", "pve2"), GUESTS[1], GUESTS[2], guest(103, "silent", "pve1")]
    ended = outcome("migrateall", "Migrating VM 100", "Migrating VM 101", "Migrating VM 102")
    told = await after(scripted, ended, {"/cluster/resources": moved}, target="pve2")
    assert told.text == (
        "4 guests: 2 FAILED, 1 with HA, 1 moved\n- 101 db: still on pve1\n"
        "- 103 silent: still on pve1, the log does not name it\nwith HA: 102 ha (moves it)\nmoved: 100 web"
    )


async def test_a_bulk_action_is_verified_on_the_nodes_of_its_guests(scripted: Scripted) -> None:
    ended = outcome("bulk-shutdown", "Shutting down VM 100 (t)", "WARN: Skipping VM 101, not running.")
    told = await after(scripted, ended, live(v100="stopped", v101="stopped"))
    assert told.text == '2 guests: 1 left out, 1 stopped\nleft out: 101 db ("not running.")\nstopped: 100 web'


async def test_a_backup_of_many_goes_by_its_log_with_advice_on_what_failed(scripted: Scripted) -> None:
    lines = [
        "INFO: Starting Backup of VM 100 (qemu)", "INFO: Finished Backup of VM 100 (00:01:33)",
        "INFO: Starting Backup of VM 101 (qemu)", "ERROR: Backup of VM 101 failed - storage 'nas' is not online",
        "INFO: Starting Backup of VM 102 (qemu)",
    ]  # fmt: skip
    told = await after(scripted, outcome("vzdump", *lines, state="failed"), {})
    assert told.text == (
        "3 guests: 2 FAILED, 1 backed up\n- 101 db: \"storage 'nas' is not online\"\n"
        "- 102 ha: begun, and not finished\nbacked up: 100 web"
    )
    assert "not usable on that node" in told.advice
    assert (await after(scripted, outcome("vzdump", *lines[:2]), {})).text == ""


async def test_where_the_guests_can_not_be_read_the_log_alone_is_told_and_said(scripted: Scripted) -> None:
    ended = outcome("stopall", "Stopping VM 100 (t)", "WARN: Stopping VM 101 failed: timeout")
    told = await after(scripted, ended, {"/nodes/pve1/qemu": FailedError("boom"), "/nodes/pve1/lxc": []})
    assert told.text == (
        "2 guests: 1 FAILED, 1 begun, not verified\n- 101: timeout\nbegun, not verified: 100\n"
        "The state of the guests could not be read: boom"
    )


async def test_a_log_without_guests_says_so_and_a_running_task_nothing(scripted: Scripted) -> None:
    assert (await after(scripted, outcome("startall"), live())).text == "The log names no guest."
    assert (await after(scripted, outcome("startall", "Starting VM 100", state="running"), {})).text == ""
    assert (await after(scripted, outcome("qmstart", "Starting VM 100"), {})).text == ""


async def test_thousands_of_guests_are_told_in_few_lines(scripted: Scripted) -> None:
    lines = [f"Starting VM {vmid} failed: {'x' * 1000}" for vmid in range(1000, 4000)]
    told = await after(scripted, outcome("startall", *lines), live())
    assert told.text.splitlines()[0] == "3000 guests: 3000 FAILED"
    assert told.text.endswith("- and 2980 more failed")
    assert len(told.text) < 6000
