from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from proxmox_mcp.policy.targets import Targets, changes_pool_members, changes_tags, targets_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox_mcp.policy.targets import Action


def test_a_guest_call_names_its_node_and_its_guest(action: Callable[..., Action]) -> None:
    targets = targets_of(action("DELETE", "/nodes/{node}/qemu/{vmid}", "pve1", 102))
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
    action: Callable[..., Action],
    method: str,
    template: str,
    values: tuple[str, ...],
    data: dict[str, Any],
    guests: set[int],
) -> None:
    assert targets_of(action(method, template, *values, data=data)).guests == guests


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
def test_storages_are_found_in_volumes(action: Callable[..., Action], data: dict[str, str], storages: set[str]) -> None:
    targets = targets_of(action("POST", "/nodes/{node}/qemu", "pve1", data=data))
    assert targets.storages == storages


def test_a_mount_point_on_the_host_is_no_storage(action: Callable[..., Action]) -> None:
    targets = targets_of(action("POST", "/nodes/{node}/lxc", "pve1", data={"mp0": "/srv/a:b,mp=/srv"}))
    assert targets.storages == frozenset()


def test_both_sides_of_a_storage_mapping_count(action: Callable[..., Action]) -> None:
    made = action("POST", "/nodes/{node}/qemu/{vmid}/migrate", "pve1", 100, data={"targetstorage": "local:nas,a:b"})
    assert targets_of(made).storages == {"local", "nas", "a", "b"}


@pytest.mark.parametrize("spelling", ["100\n", " 100", "100 "])
def test_blanks_around_a_number_hide_no_guest(action: Callable[..., Action], spelling: str) -> None:
    assert targets_of(action("DELETE", "/nodes/{node}/qemu/{vmid}", "pve1", spelling)).guests == {100}


@pytest.mark.parametrize("spelling", ["١٠٠", "1e2", "x"])
def test_what_is_no_plain_number_may_be_any_guest(action: Callable[..., Action], spelling: str) -> None:
    assert "guest" in targets_of(action("DELETE", "/nodes/{node}/qemu/{vmid}", "pve1", spelling)).open_ended


def test_localhost_may_be_any_node(action: Callable[..., Action]) -> None:
    assert targets_of(action("POST", "/nodes/{node}/status", "localhost")).open_ended >= {"node"}


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
    action: Callable[..., Action], method: str, template: str, values: tuple[str, ...]
) -> None:
    assert "guest" in targets_of(action(method, template, *values)).open_ended


def test_a_bulk_action_on_named_guests_hits_those_only(action: Callable[..., Action]) -> None:
    made = action("POST", "/cluster/bulk-action/guest/start", data={"vms": "100"})
    assert targets_of(made).open_ended == frozenset()


def test_an_unknown_endpoint_may_hit_anything(action: Callable[..., Action]) -> None:
    targets = targets_of(action("POST", "/nodes/pve1/qemu/100/brand-new", known=False))
    assert targets.open_ended == {"node", "guest"}
    assert "pve1" in targets.nodes
    assert targets.guests == {100}


def test_tags_and_pool_members_are_seen_to_change(action: Callable[..., Action]) -> None:
    config = ("PUT", "/nodes/{node}/qemu/{vmid}/config", "pve1", 100)
    assert changes_tags(action(*config, data={"tags": "a"}))
    assert changes_tags(action(*config, data={"delete": "net0,tags"}))
    assert not changes_tags(action(*config, data={"delete": "net0"}))
    assert changes_pool_members(action("PUT", "/pools/{poolid}", "prod", data={"vms": "100", "delete": 1}))
    assert not changes_pool_members(action("GET", "/pools/{poolid}", "prod"))
