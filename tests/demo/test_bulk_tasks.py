"""Tasks of a node for many guests: what they do and write, as a node does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from patience import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from demo_api import Api


@pytest.fixture
def vm(root: Api) -> Iterator[int]:
    """A VM on pve1 that is stopped and has no disk."""
    assert root.run("/nodes/pve1/qemu", "pve1", vmid=270, memory=512)[0] == "OK"
    yield 270
    node = guest(root, 270)["node"]
    if guest(root, 270)["status"] == "running":
        root.run(f"/nodes/{node}/qemu/270/status/stop", node)
    assert root.run(f"/nodes/{node}/qemu/270", node, "DELETE", purge=1)[0] == "OK"


def guest(root: Api, vmid: int) -> dict[str, Any]:
    (found,) = [each for each in root.get("/cluster/resources", type="vm") if each["vmid"] == vmid]
    return dict(found)


def test_guests_that_do_not_start_at_boot_are_started_by_force_alone(root: Api, vm: int) -> None:
    assert root.run("/nodes/pve1/startall", "pve1", vms=str(vm)) == ("OK", ["TASK OK"])
    assert guest(root, vm)["status"] == "stopped"
    ended, log = root.run("/nodes/pve1/startall", "pve1", vms=str(vm), force="1")
    assert (ended, log[0]) == ("OK", f"Starting VM {vm}")
    assert guest(root, vm)["status"] == "running"
    assert root.run("/nodes/pve1/startall", "pve1", vms=str(vm), force="1")[1] == ["TASK OK"], "it runs already"


def test_a_template_is_never_started(root: Api) -> None:
    template = next(each for each in root.get("/cluster/resources", type="vm") if each.get("template"))
    path, node = f"/nodes/{template['node']}/startall", template["node"]
    assert root.run(path, node, vms=str(template["vmid"]), force="1") == ("OK", ["TASK OK"])


def test_a_guest_that_does_not_start_fails_in_the_log_and_the_task_ends_well(root: Api) -> None:
    node = guest(root, 114)["node"]
    ended, log = root.run(f"/nodes/{node}/startall", node, vms="114", force="1")
    assert ended == "OK"
    assert log[1] == "Starting VM 114 failed: volume 'local-lvm:vm-114-disk-0' does not exist"
    assert guest(root, 114)["status"] == "stopped"


def test_guests_that_run_are_stopped(root: Api, vm: int) -> None:
    assert root.run("/nodes/pve1/stopall", "pve1", vms=str(vm))[1] == ["TASK OK"]
    root.run("/nodes/pve1/startall", "pve1", vms=str(vm), force="1")
    ended, log = root.run("/nodes/pve1/stopall", "pve1", vms=str(vm))
    assert ended == "OK"
    assert log[0].startswith(f"Stopping VM {vm} (timeout = ")
    assert guest(root, vm)["status"] == "stopped"


def test_guests_move_but_for_those_that_run_on_local_disks(root: Api, vm: int) -> None:
    assert "no such cluster node 'none'" in root.refusal("POST", "/nodes/pve1/migrateall", target="none")[1]
    root.done("PUT", f"/nodes/pve1/qemu/{vm}/config", scsi0="local-lvm:1")
    root.run("/nodes/pve1/startall", "pve1", vms=str(vm), force="1")
    _, log = root.run("/nodes/pve1/migrateall", "pve1", vms=str(vm), target="pve2")
    assert log[0] == f"skip VM {vm} - precondition check failed:"
    assert "Has local disks: local-lvm:" in log[1]
    assert guest(root, vm)["node"] == "pve1"
    ended, log = root.run("/nodes/pve1/migrateall", "pve1", vms=str(vm), target="pve2", **{"with-local-disks": "1"})
    assert (ended, log[0]) == ("OK", f"Migrating VM {vm}")
    assert guest(root, vm)["node"] == "pve2"


def test_a_guest_under_ha_is_moved_by_ha_and_started_or_stopped_by_its_state(root: Api, vm: int) -> None:
    root.done("POST", "/cluster/ha/resources", sid=f"vm:{vm}", state="stopped")
    assert root.run("/nodes/pve1/startall", "pve1", vms=str(vm), force="1")[1] == ["TASK OK"], "HA alone starts it"
    root.done("PUT", f"/cluster/ha/resources/vm:{vm}", state="started")
    until(lambda: guest(root, vm)["status"] == "running")
    root.run("/nodes/pve1/migrateall", "pve1", vms=str(vm), target="pve2")
    until(lambda: guest(root, vm)["node"] == "pve2")
    root.done("PUT", f"/cluster/ha/resources/vm:{vm}", state="stopped")
    until(lambda: guest(root, vm)["status"] == "stopped")
