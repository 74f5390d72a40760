"""The configuration of guests: disks, snapshots and pending changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demo_api import Api


def test_zfs_rolls_back_to_the_newest_snapshot_alone(root: Api) -> None:
    root.done("POST", "/storage", storage="tank", type="zfspool", pool="tank", content="images,rootdir")
    assert root.run("/nodes/pve1/qemu", "pve1", vmid=250, memory=512, scsi0="tank:1")[0] == "OK"
    for name in ("first", "second"):
        assert root.run("/nodes/pve1/qemu/250/snapshot", "pve1", snapname=name)[0] == "OK"
    ended, _ = root.run("/nodes/pve1/qemu/250/snapshot/first/rollback", "pve1")
    assert ended == "can't rollback, 'first' is not most recent snapshot on 'vm-250-disk-0'"
    assert root.run("/nodes/pve1/qemu/250/snapshot/second/rollback", "pve1")[0] == "OK"


def test_a_detached_disk_is_kept_as_unused_and_leaves_the_boot_order(root: Api) -> None:
    config = "/nodes/pve3/qemu/140/config"
    disk = root.get(config)["scsi0"].partition(",")[0]
    root.done("PUT", config, delete="scsi0")
    assert root.get(config)["unused0"] == disk
    assert "scsi0" not in root.get(config)["boot"]
    root.done("PUT", config, scsi0=disk)
    assert "unused0" not in root.get(config)


def test_the_configuration_shows_what_is_pending_and_on_demand_what_is_in_force(root: Api) -> None:
    config = "/nodes/pve3/qemu/104/config"
    root.done("PUT", config, memory="49152")
    assert root.get(config)["memory"] == "49152"
    assert root.get(config, current=1)["memory"] == "32768"
    root.done("PUT", config, revert="memory")
    assert root.get(config)["memory"] == "32768"


def test_tags_are_sorted_and_there_once_and_a_network_card_gets_an_address(root: Api) -> None:
    assert root.run("/nodes/pve1/qemu", "pve1", vmid=251, memory=512)[0] == "OK"
    config = "/nodes/pve1/qemu/251/config"
    root.done("PUT", config, tags="Web,prod;web", net0="virtio,bridge=vmbr0")
    shown = root.get(config)
    assert shown["tags"] == "prod;web"
    assert shown["net0"].startswith("virtio=BC:24:11:")
    assert shown["net0"].endswith(",bridge=vmbr0")
    assert root.run("/nodes/pve1/qemu/251", "pve1", "DELETE")[0] == "OK"


def test_a_volume_of_a_change_that_is_refused_is_gone_and_an_unlinked_one_is_kept_or_freed(root: Api) -> None:
    assert root.run("/nodes/pve1/qemu", "pve1", vmid=252, memory=512, scsi0="local-lvm:1")[0] == "OK"
    path = "/nodes/pve1/qemu/252"

    def volumes() -> list[str]:
        listed = root.get("/nodes/pve1/storage/local-lvm/content", vmid=252)
        return sorted(each["volid"] for each in listed)

    (disk,) = volumes()
    assert root.answer("PUT", f"{path}/config", scsi1="local-lvm:1", scsi2="none-such:1")[0] != 200
    assert volumes() == [disk]
    root.done("PUT", f"{path}/unlink", idlist="scsi0")
    assert root.get(f"{path}/config")["unused0"] == disk
    root.done("PUT", f"{path}/unlink", idlist="unused0")
    assert volumes() == []
    assert root.run(path, "pve1", "DELETE")[0] == "OK"


def test_what_is_pending_is_listed_beside_what_is_in_force(root: Api) -> None:
    path = "/nodes/pve3/qemu/104"
    before = root.get(f"{path}/config", current=1)["memory"]
    root.done("PUT", f"{path}/config", memory="16384")
    (entry,) = [each for each in root.get(f"{path}/pending") if each["key"] == "memory"]
    assert (str(entry["value"]), str(entry["pending"])) == (before, "16384")
    root.done("PUT", f"{path}/config", revert="memory")
    assert "pending" not in next(each for each in root.get(f"{path}/pending") if each["key"] == "memory")
