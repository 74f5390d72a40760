"""What is done to guests beside their power: configurations, disks, snapshots, new guests and migrations."""

from __future__ import annotations

from typing import Any

import pytest

from proxmox_mcp.record.undo import Case, Get, Inverse, inverse
from undone_roundtrips import call_of, calls, parameters

VM, CONTAINER = "/nodes/pve1/qemu/100", "/nodes/pve1/lxc/101"
CONFIG = Get(f"{VM}/config")


def undone(method: str, path: str, config: Any = None, /, **data: Any) -> Inverse:
    before = {} if config is None else {Get(f"{VM}/config"): config, Get(f"{CONTAINER}/config"): config}
    return inverse(Case(call_of(method, path, data), before, parameters))


@pytest.mark.parametrize(
    ("path", "data", "deleted"),
    [
        ("/nodes/pve1/qemu", {"vmid": 200}, "/nodes/pve1/qemu/200"),
        ("/nodes/pve1/lxc", {"vmid": 200, "ostemplate": "local:vztmpl/x.tar.zst"}, "/nodes/pve1/lxc/200"),
        (f"{VM}/clone", {"newid": 200}, "/nodes/pve1/qemu/200"),
        (f"{VM}/clone", {"newid": 200, "target": "pve2"}, "/nodes/pve2/qemu/200"),
        (f"{CONTAINER}/clone", {"newid": 200, "target": "pve2"}, "/nodes/pve2/lxc/200"),
    ],
)
def test_a_new_guest_is_deleted_with_all_that_came_with_it_where_it_was_made(
    path: str, data: dict[str, Any], deleted: str
) -> None:
    found = undone("POST", path, **data)
    assert calls(found) == [("DELETE", deleted, {"purge": 1, "destroy-unreferenced-disks": 1})]
    assert found.reach == "whole"


def test_the_guest_that_a_restore_overwrites_does_not_come_back() -> None:
    found = undone("POST", "/nodes/pve1/qemu", vmid=200, archive="local:backup/x.vma.zst", force=1)
    assert found.lost == ("guest 200 as it was, which `force` overwrites",)
    assert found.forms == {"restore"}


def test_a_snapshot_is_deleted() -> None:
    for guest in (VM, CONTAINER):
        found = undone("POST", f"{guest}/snapshot", snapname="before")
        assert calls(found) == [("DELETE", f"{guest}/snapshot/before", {})]


def test_a_moved_disk_goes_back_to_its_storage_and_a_copy_that_stayed_is_told() -> None:
    config = {"scsi0": "local-lvm:vm-100-disk-0,size=8G"}
    moved = undone("POST", f"{VM}/move_disk", config, disk="scsi0", storage="nas", delete=1)
    assert calls(moved) == [("POST", f"{VM}/move_disk", {"disk": "scsi0", "storage": "local-lvm", "delete": 1})]
    assert moved.reach == "whole"
    copied = undone("POST", f"{VM}/move_disk", config, disk="scsi0", storage="nas")
    assert copied.lost == ("the copy that stays as an unused disk",)
    volume = undone("POST", f"{CONTAINER}/move_volume", {"mp0": "nas:vm-101-disk-0,mp=/x"}, volume="mp0", storage="x")
    assert calls(volume)[0][2] == {"volume": "mp0", "storage": "nas", "delete": 1}


@pytest.mark.parametrize(("named", "there"), [({}, "scsi0"), ({"target-disk": "scsi3"}, "scsi3")])
def test_a_disk_that_was_given_to_another_guest_is_given_back(named: dict[str, str], there: str) -> None:
    config = {"scsi0": "local-lvm:vm-100-disk-0,size=8G"}
    found = undone("POST", f"{VM}/move_disk", config, **{"disk": "scsi0", "target-vmid": 102, **named})
    back = {"disk": there, "target-vmid": "100", "target-disk": "scsi0"}
    assert calls(found) == [("POST", "/nodes/pve1/qemu/102/move_disk", back)]


@pytest.mark.parametrize("config", [None, {}, {"scsi1": "local-lvm:x"}])
def test_a_disk_whose_place_was_not_read_is_not_moved(config: Any) -> None:
    found = undone("POST", f"{VM}/move_disk", config, disk="scsi0", storage="nas")
    assert (found.calls, found.reason) == ((), "the configuration was not read before")


@pytest.mark.parametrize(
    ("guest", "given", "kept", "lost"),
    [
        (VM, {"online": 1, "with-local-disks": 1}, {"online": "1", "with-local-disks": "1"}, ()),
        (VM, {"targetstorage": "1"}, {}, ()),
        (VM, {"targetstorage": "nas"}, {}, ("the storages of its disks",)),
        (VM, {"targetstorage": "local:nas"}, {}, ("the storages of its disks",)),
        (CONTAINER, {"restart": 1, "timeout": 30}, {"restart": "1", "timeout": "30"}, ()),
        (CONTAINER, {"target-storage": "nas"}, {}, ("the storages of its disks",)),
    ],
)
def test_a_guest_is_migrated_back_in_the_same_way_and_what_stays_is_told(
    guest: str, given: dict[str, Any], kept: dict[str, Any], lost: tuple[str, ...]
) -> None:
    found = undone("POST", f"{guest}/migrate", **{"target": "pve2", **given})
    assert calls(found) == [("POST", f"{guest.replace('pve1', 'pve2')}/migrate", {"target": "pve1", **kept})]
    assert found.lost == lost


UNLINKED = {"scsi1": "local-lvm:vm-100-disk-1", "unused0": "local-lvm:vm-100-disk-2", "boot": "order=scsi1"}


def test_disks_that_were_only_detached_come_back_and_deleted_ones_do_not() -> None:
    found = undone("PUT", f"{VM}/unlink", UNLINKED, idlist="scsi1,unused0,scsi9")
    assert calls(found)[0][2] == {"scsi1": UNLINKED["scsi1"], "boot": "order=scsi1"}
    assert found.lost == ("the volume local-lvm:vm-100-disk-2",)
    forced = undone("PUT", f"{VM}/unlink", UNLINKED, idlist="scsi1", force=1)
    assert (forced.calls, "can't be brought back" in forced.reason) == ((), True)
    assert undone("PUT", f"{VM}/unlink", UNLINKED, idlist="scsi9").reason == "it changes nothing"
    assert undone("PUT", f"{VM}/unlink", idlist="scsi1").reason == "the configuration was not read before"


def test_a_configuration_that_was_not_read_is_not_restored() -> None:
    assert undone("PUT", CONFIG.path, cores=4).reason == "the configuration was not read before"


def test_a_new_volume_of_a_container_is_detached_and_then_deleted() -> None:
    """A container has no ``force``: what is detached first becomes ``unusedN``."""
    config = {"unused0": "local-lvm:vm-101-disk-3", "hostname": "web"}
    found = undone("PUT", f"{CONTAINER}/config", config, mp0="local-lvm:8,mp=/x", hostname="new", description="x")
    assert [each[2] for each in calls(found)] == [
        {"delete": ["mp0"]},
        {"delete": ["unused1"]},
        {"hostname": "web", "delete": ["description"]},
    ]


def test_what_only_proxmox_or_a_secret_holds_is_told_as_lost() -> None:
    config = {"cipassword": "**********", "vmgenid": "x", "scsi1": "local-lvm:vm-100-disk-1"}
    found = undone("PUT", CONFIG.path, config, cipassword="new", delete="vmgenid,scsi1,unknown", force=1)
    assert "cipassword" in found.lost
    assert "the volume local-lvm:vm-100-disk-1" in found.lost
    assert len(found.lost) == 3
    assert found.calls == ()
