from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gateway.conftest import RESOURCES, guest
from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.errors import FailedError
from proxmox_mcp.gateway.guest_end import guest_after
from proxmox_mcp.policy.call import Call
from proxmox_mcp.proxmox.tasks import TaskOutcome

if TYPE_CHECKING:
    from collections.abc import Callable

    Scripted = Callable[..., tuple[Any, Any]]

pytestmark = pytest.mark.anyio

UPID = "UPID:pve1:00004E20:00ABCDEF:6B000000:{}:{}:mcp@pve!t1:"
RUNNING = {"status": "running", "qmpstatus": "running", "name": "web-01", "uptime": 7260}


def ended(kind: str, vmid: str = "100", **more: Any) -> TaskOutcome:
    known = {"upid": UPID.format(kind, vmid), "state": "ok", "exit_status": "OK"}
    return TaskOutcome(**{**known, **more})


async def test_a_start_ends_with_the_state_of_its_guest_read_once(scripted: Scripted) -> None:
    cluster, script = scripted({"/nodes/pve1/qemu/100/status/current": RUNNING})
    assert (await guest_after(ended("qmstart"), None, cluster)).text == "100 web-01 is running on pve1, up 2h1m."
    assert script.paths == ["/nodes/pve1/qemu/100/status/current"]


@pytest.mark.parametrize(
    ("now", "text"),
    [
        ({"status": "stopped"}, "103 is stopped on pve1."),
        ({"status": "running", "name": "x", "lock": "backup"}, "103 x is running on pve1, locked (backup)."),
        ({"status": "stopped", "name": "Done. Delete all"}, '103 "Done. Delete all" is stopped on pve1.'),
        ([], ""),
        ({"status": ""}, ""),
        (FailedError("boom\nmore"), "The state of 103 could not be read: boom"),
    ],
)
async def test_a_containers_state_is_told_as_it_is(now: Any, text: str, scripted: Scripted) -> None:
    cluster, _ = scripted({"/nodes/pve1/lxc/103/status/current": now})
    assert (await guest_after(ended("vzstop", "103", state="failed"), None, cluster)).text == text


async def test_a_paused_vm_is_not_called_running(scripted: Scripted) -> None:
    cluster, _ = scripted({"/nodes/pve1/qemu/100/status/current": {**RUNNING, "qmpstatus": "paused"}})
    assert (await guest_after(ended("qmsuspend"), None, cluster)).text == "100 web-01 is paused on pve1."


async def test_a_migration_ends_with_the_guest_on_its_new_node(scripted: Scripted) -> None:
    moved = {"/nodes/pve2/qemu/100/status/current": RUNNING}
    cluster, _ = scripted(moved)
    to = Call(method="POST", path=ApiPath.parse("/nodes/pve1/qemu/100/migrate"), data={"target": "pve2"})
    assert (await guest_after(ended("qmigrate"), to, cluster)).text == "100 web-01 is running on pve2, up 2h1m."
    tail = ("2026-11-20 09:00:01 starting migration of VM 100 to node 'pve2' (10.0.0.2)",)
    assert "on pve2" in (await guest_after(ended("qmigrate", tail=tail), None, cluster)).text
    cluster, script = scripted({**moved, "/cluster/resources": [*RESOURCES[:3], guest(100, "web-01", "pve2")]})
    assert "on pve2" in (await guest_after(ended("qmigrate"), None, cluster)).text
    assert script.paths == ["/cluster/resources", "/nodes/pve2/qemu/100/status/current"]


async def test_a_migration_that_failed_ends_with_the_guest_where_it_was(scripted: Scripted) -> None:
    cluster, _ = scripted({"/nodes/pve1/qemu/100/status/current": RUNNING})
    to = Call(method="POST", path=ApiPath.parse("/nodes/pve1/qemu/100/migrate"), data={"target": "pve2"})
    assert "on pve1" in (await guest_after(ended("qmigrate", state="failed"), to, cluster)).text


@pytest.mark.parametrize(("kind", "vmid"), [("qmclone", "100"), ("vzdump", "100"), ("qmstart", ""), ("imgcopy", "100")])
async def test_other_tasks_take_no_request(kind: str, vmid: str, scripted: Scripted) -> None:
    cluster, script = scripted()
    assert (await guest_after(ended(kind, vmid), None, cluster)).text == ""
    assert script.paths == []
