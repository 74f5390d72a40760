"""What the code of endpoints asks for beyond their published permissions, judged for calls as people make them."""

from __future__ import annotations

from typing import Any

import pytest

from proxmox_mcp.apidoc import load_index
from proxmox_mcp.proxmox.permissions import Permissions, Rights

INDEX = load_index("9.1")
WHO = "anna@pve!t1"
CREATE, CONFIG, CT = "/nodes/pve1/qemu", "/nodes/pve1/qemu/100/config", "/nodes/pve1/lxc/100/config"
MAKER = {"/vms/100": "VM.Allocate VM.Config.Disk VM.Config.Network VM.Config.Memory VM.Config.CPU"}


def expected(held: dict[str, str], method: str, path: str, params: dict[str, Any], who: str = WHO) -> list[str]:
    check = INDEX.check(method, path, params)
    assert check.ok, check.problems
    assert check.endpoint is not None
    permissions = Permissions.of({path: dict.fromkeys(names.split(), 1) for path, names in held.items()})
    return Rights(who, permissions).expected(check.endpoint, {**check.path_params, **check.data})


def refusal(held: dict[str, str], method: str, path: str, **params: Any) -> str:
    """What stands in the way, empty where nothing does."""
    lines = expected(held, method, path, params)
    return next((line for line in lines if line.startswith("Proxmox will probably refuse: ")), "")


@pytest.mark.parametrize(
    ("held", "method", "path", "params", "lacking"),
    [
        ({}, "POST", CREATE, {"vmid": 100}, "VM.Allocate on /vms/100"),
        (MAKER, "POST", CREATE, {"vmid": 100, "cores": 2}, ""),
        ({"/vms/100": "VM.Allocate"}, "POST", CREATE, {"vmid": 100, "cores": 2}, "VM.Config.CPU on /vms/100"),
        ({"/pool/p": "VM.Allocate"}, "POST", CREATE, {"vmid": 100, "pool": "p"}, ""),
        (
            {"/pool/p": "VM.Allocate VM.Config.CPU"},
            "POST",
            CREATE,
            {"vmid": 100, "cores": 2},
            "VM.Allocate on /vms/100",
        ),
        ({"/pool/p": "VM.Allocate VM.Config.CPU"}, "POST", CREATE, {"vmid": 100, "cores": 2, "pool": "p"}, ""),
        (MAKER, "POST", CREATE, {"vmid": 100, "scsi0": "nas:32"}, "Datastore.AllocateSpace on /storage/nas"),
        (MAKER | {"/storage/nas": "Datastore.AllocateSpace"}, "POST", CREATE, {"vmid": 100, "scsi0": "nas:32"}, ""),
        (MAKER, "POST", CREATE, {"vmid": 100, "net0": "virtio,bridge=vmbr0"}, "SDN.Use on /sdn/zones/{zone}/vmbr0"),
        (MAKER | {"/sdn": "SDN.Use"}, "POST", CREATE, {"vmid": 100, "net0": "virtio,bridge=vmbr0"}, ""),
        (MAKER, "POST", CREATE, {"vmid": 100, "ha-managed": 1}, ""),
        ({"/": "VM.Config.Options VM.Config.CPU"}, "PUT", CONFIG, {"memory": "2048"}, "VM.Config.Memory on /vms/100"),
        ({"/": "VM.Config.Options VM.Config.CPU"}, "PUT", CONFIG, {"delete": "memory"}, "VM.Config.Memory on /vms/100"),
        ({"/": "VM.Config.Options"}, "PUT", CONFIG, {"startup": "order=1"}, "Sys.Modify on /"),
        ({"/": "VM.Config.Disk"}, "PUT", CONFIG, {"ide2": "none,media=cdrom"}, "VM.Config.CDROM on /vms/100"),
        (
            {"/": "VM.Config.Disk"},
            "PUT",
            CONFIG,
            {"scsi1": "nas:vm-200-disk-0"},
            "Datastore.Allocate on /storage/nas",
        ),
        ({"/": "VM.Config.Disk"}, "PUT", CONFIG, {"scsi1": "nas:vm-100-disk-1"}, ""),
        ({"/": "VM.Config.HWType"}, "PUT", CONFIG, {"hostpci0": "mapping=gpu"}, "Mapping.Use on /mapping/pci/gpu"),
        ({"/": "VM.Config.CPU"}, "PUT", CT, {"cores": 2, "hostname": "web"}, "VM.Config.Network on /vms/100"),
        ({"/": "VM.PowerMgmt"}, "POST", "/nodes/pve1/stopall", {}, ""),
        ({"/vms": "VM.PowerMgmt"}, "POST", "/nodes/pve1/stopall", {}, "VM.PowerMgmt on /"),
        ({"/vms": "VM.PowerMgmt"}, "POST", "/nodes/pve1/stopall", {"vms": "100,101"}, ""),
        (
            {"/vms/100": "VM.PowerMgmt"},
            "POST",
            "/cluster/bulk-action/guest/shutdown",
            {"vms": [100, 101]},
            "VM.PowerMgmt on /",
        ),
        ({"/vms": "VM.Backup"}, "POST", "/nodes/pve1/vzdump", {"vmid": "100", "storage": "nas"}, "/storage/nas"),
        (
            {"/vms": "VM.Backup", "/storage": "Datastore.AllocateSpace"},
            "POST",
            "/nodes/pve1/vzdump",
            {"vmid": "100", "storage": "nas"},
            "",
        ),
        ({"/": "VM.Backup"}, "POST", "/nodes/pve1/vzdump", {"vmid": "100", "bwlimit": 1}, "Sys.Modify on /"),
        (
            {"/vms": "VM.Clone VM.Allocate"},
            "POST",
            "/nodes/pve1/qemu/100/clone",
            {"newid": 200, "storage": "nas", "full": 1},
            "Datastore.AllocateSpace on /storage/nas",
        ),
        (
            {"/": "VM.Clone VM.Allocate Datastore.AllocateSpace"},
            "POST",
            "/nodes/pve1/qemu/100/clone",
            {"newid": 9999},
            "",
        ),
        (
            {"/vms": "VM.Config.Disk"},
            "PUT",
            "/nodes/pve1/qemu/100/resize",
            {"disk": "scsi0", "size": "+1G"},
            "Datastore.AllocateSpace on /storage/{storage}",
        ),
        (
            {"/storage": "Datastore.AllocateSpace"},
            "DELETE",
            "/nodes/pve1/storage/nas/content/nas:backup/vzdump-qemu-100-2026_01_01-00_00_00.vma.zst",
            {},
            "VM.Backup on /vms/100",
        ),
        (
            {"/storage": "Datastore.AllocateSpace"},
            "DELETE",
            "/nodes/pve1/storage/nas/content/nas:iso/a.iso",
            {},
            "Datastore.Allocate on /storage/nas",
        ),
        ({"/vms/100": "VM.Replicate"}, "DELETE", "/cluster/replication/100-0", {}, ""),
        ({"/vms/100": "VM.Replicate"}, "DELETE", "/cluster/replication/101-0", {}, "VM.Replicate on /vms/101"),
        (
            {"/pool/p": "Pool.Allocate"},
            "PUT",
            "/pools/p",
            {"vms": "100"},
            "Permissions.Modify or VM.Allocate on /vms/100",
        ),
        ({}, "GET", "/nodes/pve1/qemu", {}, ""),
        ({}, "GET", "/version", {}, ""),
    ],
)
def test_what_the_code_will_refuse_is_told_before(
    held: dict[str, str], method: str, path: str, params: dict[str, Any], lacking: str
) -> None:
    told = refusal(held, method, path, **params)
    assert (lacking in told) if lacking else (told == "")


@pytest.mark.parametrize(
    ("path", "params"),
    [
        (CONFIG, {"args": "-S"}),
        (CONFIG, {"hookscript": "local:snippets/x"}),
        (CONFIG, {"hostpci0": "host=01:00"}),
        (CONFIG, {"usb0": "host=1234:5678"}),
        (CONFIG, {"serial0": "/dev/ttyS0"}),
        (CONFIG, {"skiplock": 1, "name": "web"}),
        (CONFIG, {"delete": "args"}),
        (CT, {"dev0": "/dev/net/tun"}),
        (CT, {"mp0": "/srv,mp=/srv"}),
        (CT, {"features": "nesting=1,keyctl=1"}),
    ],
)
def test_what_only_root_may_is_told_even_to_an_administrator(path: str, params: dict[str, Any]) -> None:
    everything = {"/": "VM.Config.Options VM.Config.HWType VM.Config.Disk VM.Config.CPU VM.Allocate Sys.Modify"}
    (told, *_) = expected(everything, "PUT", path, params)
    assert told.startswith("Proxmox will probably refuse: only root@pam itself may do this: ")
    assert expected(everything, "PUT", path, params, who="root@pam") == []


@pytest.mark.parametrize("params", [{"usb0": "spice"}, {"serial0": "socket"}, {"skiplock": 0, "name": "web"}])
def test_what_others_may_too_is_not_kept_for_root(params: dict[str, Any]) -> None:
    assert refusal({"/": "VM.Config.HWType VM.Config.Options"}, "PUT", CONFIG, **params) == ""


def test_what_the_call_does_not_tell_is_said_as_a_possibility() -> None:
    held = {"/": "VM.Config.Options VM.Config.Network", "/sdn/zones/lan": "SDN.Use"}
    (told,) = expected(held, "PUT", CONFIG, {"tags": "prod", "net0": "virtio,bridge=vnet1"})
    asked = "SDN.Use on /sdn/zones/{zone}/vnet1 (for bridges); Sys.Modify on / (for registered tags)"
    assert told == f"Proxmox may also ask for {asked}."


def test_a_call_for_thousands_of_guests_is_told_in_a_few_names() -> None:
    (told,) = expected({}, "POST", "/nodes/pve1/vzdump", {"vmid": ",".join(map(str, range(1000, 9000)))})
    assert told.endswith("VM.Backup on /vms/1007 and 7992 more.")


def test_an_endpoint_that_no_parameter_would_open_is_marked_in_a_search() -> None:
    endpoint = INDEX.get("POST", "/cluster/replication")
    assert endpoint is not None
    assert Rights(WHO, Permissions.of({"/": {"VM.Audit": 1}})).access(endpoint).verdict == "denied"
    assert Rights(WHO, Permissions.of({"/vms/100": {"VM.Replicate": 1}})).access(endpoint).verdict == "unknown"
