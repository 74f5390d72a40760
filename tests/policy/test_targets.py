from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from proxmox_mcp.policy.targets import Targets, changes_pool_members, changes_tags

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox_mcp.policy.call import Call


def test_a_guest_call_names_its_node_and_its_guest(action: Callable[..., Call]) -> None:
    targets = action("DELETE", "/nodes/{node}/qemu/{vmid}", "pve1", 102).targets
    assert targets == Targets(nodes=frozenset({"pve1"}), guests=frozenset({102}))


@pytest.mark.parametrize(
    ("method", "template", "values", "data", "guests"),
    [
        ("POST", "/nodes/{node}/qemu/{vmid}/clone", ("pve1", 100), {"newid": "200"}, {100, 200}),
        ("POST", "/nodes/{node}/qemu/{vmid}/move_disk", ("pve1", 100), {"target-vmid": "103"}, {100, 103}),
        ("POST", "/nodes/{node}/vzdump", ("pve1",), {"vmid": "100,101 102"}, {100, 101, 102}),
        ("POST", "/cluster/bulk-action/guest/shutdown", (), {"vms": ["100", "101"]}, {100, 101}),
        ("DELETE", "/cluster/ha/resources/{sid}", ("vm:100",), {}, {100}),
        ("DELETE", "/cluster/ha/resources/{sid}", ("100",), {}, {100}),
        ("POST", "/cluster/ha/rules", (), {"resources": "vm:100,ct:200"}, {100, 200}),
        ("DELETE", "/cluster/replication/{id}", ("100-0",), {}, {100}),
        ("DELETE", "/nodes/{node}/storage/{storage}/content/{volume}", ("pve1", "nas", "vm-100-disk-0"), {}, {100}),
        (
            "DELETE",
            "/nodes/{node}/storage/{storage}/content/{volume}",
            ("p", "s", "s:base-9000-disk-1/vm-100-disk-0"),
            {},
            {100},
        ),
        (
            "DELETE",
            "/nodes/{node}/storage/{storage}/content/{volume}",
            ("p", "s", "s:9000/base-9000-disk-1.qcow2/100/vm-100-disk-0.qcow2"),
            {},
            {100},
        ),
        (
            "DELETE",
            "/nodes/{node}/storage/{storage}/content/{volume}",
            ("p", "s", "basevol-9000-disk-1/subvol-100-disk-0"),
            {},
            {100},
        ),
        ("DELETE", "/nodes/{node}/storage/{storage}/content/{volume}", ("p", "s", "s:base-9000-disk-1"), {}, {9000}),
        ("DELETE", "/nodes/{node}/storage/{storage}/content/{volume}", ("p", "s", "s:100/by-hand.raw"), {}, {100}),
        ("DELETE", "/nodes/{node}/storage/{storage}/content/{volume}", ("p", "s", "100/by-hand.raw"), {}, {100}),
        (
            "DELETE",
            "/nodes/{node}/storage/{storage}/content/{volume}",
            ("p", "s", "s:backup/vm/100/2026-11-22"),
            {},
            {100},
        ),
        (
            "DELETE",
            "/nodes/{node}/storage/{storage}/content/{volume}",
            ("p", "s", "nas:backup/vzdump-qemu-100-2026_11_22-03_00_00.vma.zst"),
            {},
            {100},
        ),
        ("PUT", "/nodes/{node}/qemu/{vmid}/config", ("pve1", 100), {"scsi1": "nas:vm-200-disk-0"}, {100, 200}),
        ("DELETE", "/nodes/{node}/tasks/{upid}", ("pve1", "UPID:pve1:1E:6E:6B:qmstop:100:root@pam:"), {}, {100}),
    ],
)
def test_guests_are_found_wherever_proxmox_names_them(
    action: Callable[..., Call],
    method: str,
    template: str,
    values: tuple[str, ...],
    data: dict[str, Any],
    guests: set[int],
) -> None:
    assert action(method, template, *values, data=data).targets.guests == guests


@pytest.mark.parametrize(
    ("data", "storages"),
    [
        ({"scsi0": "local-lvm:32,discard=on"}, {"local-lvm"}),
        ({"scsi0": "file=nas:100/vm-100-disk-0.qcow2,size=8G"}, {"nas"}),
        ({"scsi0": "local-lvm:0,import-from=esxi:ha-datacenter/x/y.vmdk"}, {"local-lvm", "esxi"}),
        ({"ide2": "none,media=cdrom"}, set()),
        ({"archive": "nas:backup/vzdump-qemu-100-x.vma"}, {"nas"}),
        ({"storage": "local"}, {"local"}),
        ({"vmstatestorage": "fast"}, {"fast"}),
        ({"fleecing": "enabled=1,storage=fast"}, {"fast"}),
    ],
)
def test_storages_are_found_in_volumes(action: Callable[..., Call], data: dict[str, str], storages: set[str]) -> None:
    targets = action("POST", "/nodes/{node}/qemu", "pve1", data=data).targets
    assert targets.storages == storages


def test_a_mount_point_on_the_host_is_no_storage(action: Callable[..., Call]) -> None:
    targets = action("POST", "/nodes/{node}/lxc", "pve1", data={"mp0": "/srv/a:b,mp=/srv"}).targets
    assert targets.storages == frozenset()


def test_both_sides_of_a_storage_mapping_count(action: Callable[..., Call]) -> None:
    made = action("POST", "/nodes/{node}/qemu/{vmid}/migrate", "pve1", 100, data={"targetstorage": "local:nas,a:b"})
    assert made.targets.storages == {"local", "nas", "a", "b"}


@pytest.mark.parametrize("spelling", ["100\n", " 100", "100 "])
def test_blanks_around_a_number_hide_no_guest(action: Callable[..., Call], spelling: str) -> None:
    assert action("DELETE", "/nodes/{node}/qemu/{vmid}", "pve1", spelling).targets.guests == {100}


@pytest.mark.parametrize("spelling", ["١٠٠", "1e2", "x"])
def test_what_is_no_plain_number_may_be_any_guest(action: Callable[..., Call], spelling: str) -> None:
    assert "guest" in action("DELETE", "/nodes/{node}/qemu/{vmid}", "pve1", spelling).targets.open_ended


def test_localhost_may_be_any_node(action: Callable[..., Call]) -> None:
    assert action("POST", "/nodes/{node}/status", "localhost").targets.open_ended >= {"node"}


@pytest.mark.parametrize(
    ("method", "template", "values"),
    [
        ("POST", "/nodes/{node}/stopall", ("pve1",)),
        ("POST", "/nodes/{node}/status", ("pve1",)),
        ("POST", "/nodes/{node}/vzdump", ("pve1",)),
        ("DELETE", "/storage/{storage}", ("nas",)),
    ],
)
def test_mass_actions_without_guests_may_hit_any(
    action: Callable[..., Call], method: str, template: str, values: tuple[str, ...]
) -> None:
    assert "guest" in action(method, template, *values).targets.open_ended


def test_a_bulk_action_on_named_guests_hits_those_only(action: Callable[..., Call]) -> None:
    made = action("POST", "/cluster/bulk-action/guest/start", data={"vms": "100"})
    assert made.targets.open_ended == frozenset()


def test_an_unknown_endpoint_may_hit_anything(action: Callable[..., Call]) -> None:
    targets = action("POST", "/nodes/pve1/qemu/100/brand-new", known=False).targets
    assert targets.open_ended == {"node", "guest", "storage", "pool"}
    assert "pve1" in targets.nodes
    assert targets.guests == {100}


def test_tags_and_pool_members_are_seen_to_change(action: Callable[..., Call]) -> None:
    config = ("PUT", "/nodes/{node}/qemu/{vmid}/config", "pve1", 100)
    assert changes_tags(action(*config, data={"tags": "a"}))
    assert changes_tags(action(*config, data={"delete": "net0,tags"}))
    assert not changes_tags(action(*config, data={"delete": "net0"}))
    assert changes_pool_members(action("PUT", "/pools/{poolid}", "prod", data={"vms": "100", "delete": 1}))
    assert not changes_pool_members(action("GET", "/pools/{poolid}", "prod"))


@pytest.mark.parametrize(
    ("path", "named", "more"),
    [
        ("/vms/101", Targets(guests=frozenset({101})), set()),
        ("//vms//101/", Targets(guests=frozenset({101})), set()),
        ("vms/101", Targets(guests=frozenset({101})), set()),
        ("/storage/nas", Targets(storages=frozenset({"nas"})), set()),
        ("/nodes/pve1", Targets(nodes=frozenset({"pve1"})), set()),
        ("/pool/a/b", Targets(pools=frozenset({"a/b"})), {"guest", "node", "storage", "pool"}),
        ("/vms", Targets(), {"guest", "node"}),
        ("/storage", Targets(), {"storage"}),
        ("/mapping/pci/gpu", Targets(), {"guest", "node"}),
        ("/sdn/zones/lan", Targets(), {"guest", "node"}),
        ("/access/groups/ops", Targets(), set()),
        ("/", Targets(), {"guest", "node", "storage", "pool"}),
        ("/pool", Targets(), {"guest", "node", "storage", "pool"}),
        ("/brand-new/x", Targets(), {"guest", "node", "storage", "pool"}),
    ],
)
def test_rights_hit_what_their_path_names_and_what_is_below_it(
    action: Callable[..., Call], path: str, named: Targets, more: set[str]
) -> None:
    made = action("PUT", "/access/acl", data={"path": path, "roles": "PVEVMUser", "users": "lena@pve"})
    assert made.targets == replace(named, open_ended=frozenset(more))


@pytest.mark.parametrize(
    ("method", "template", "values", "data", "targets"),
    [
        (
            "PUT",
            "/nodes/{node}/qemu/{vmid}/config",
            ("pve1", 100),
            {"hookscript": "nas:snippets/hook.pl"},
            Targets(nodes=frozenset({"pve1"}), guests=frozenset({100}), storages=frozenset({"nas"})),
        ),
        (
            "PUT",
            "/nodes/{node}/qemu/{vmid}/config",
            ("pve1", 100),
            {"cicustom": "user=nas:snippets/user.yaml,network=fast:snippets/net.yaml"},
            Targets(nodes=frozenset({"pve1"}), guests=frozenset({100}), storages=frozenset({"nas", "fast"})),
        ),
        (
            "PUT",
            "/nodes/{node}/qemu/{vmid}/config",
            ("pve1", 100),
            {"cdrom": "nas:iso/debian.iso"},
            Targets(nodes=frozenset({"pve1"}), guests=frozenset({100}), storages=frozenset({"nas"})),
        ),
        (
            "POST",
            "/cluster/mapping/pci",
            (),
            {"id": "gpu", "map": ["node=pve1,path=0000:01:00", "path=0000:02:00,node=pve2"]},
            Targets(nodes=frozenset({"pve1", "pve2"})),
        ),
        (
            "POST",
            "/cluster/sdn/zones",
            (),
            {"zone": "lan", "type": "evpn", "exitnodes": "pve1,pve2"},
            Targets(nodes=frozenset({"pve1", "pve2"})),
        ),
        (
            "POST",
            "/nodes/{node}/disks/directory",
            ("pve1",),
            {"name": "nas", "device": "/dev/sdb"},
            Targets(nodes=frozenset({"pve1"}), storages=frozenset({"nas"}), open_ended=frozenset({"node"})),
        ),
    ],
)
def test_every_value_names_targets_by_its_format(
    action: Callable[..., Call],
    method: str,
    template: str,
    values: tuple[str, ...],
    data: dict[str, Any],
    targets: Targets,
) -> None:
    assert action(method, template, *values, data=data).targets == targets
