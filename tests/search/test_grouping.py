from __future__ import annotations

from proxmox_mcp.apidoc import load_index
from proxmox_mcp.search import Hit, group

_INDEX = load_index("9.1")


def _hits(*calls: str) -> list[Hit]:
    found = [_INDEX.get(*call.split(" ", 1)) for call in calls]
    return [Hit(endpoint, 1.0) for endpoint in found if endpoint is not None]


def test_the_same_call_for_vms_and_containers_is_one_group() -> None:
    hits = _hits("POST /nodes/{node}/lxc/{vmid}/clone", "GET /version", "POST /nodes/{node}/qemu/{vmid}/clone")
    groups = group(hits)
    assert [[e.path for e in each.endpoints] for each in groups] == [
        ["/nodes/{node}/lxc/{vmid}/clone", "/nodes/{node}/qemu/{vmid}/clone"],
        ["/version"],
    ]
    assert groups[0].best is hits[0]


def test_moving_a_disk_and_moving_a_volume_are_twins() -> None:
    assert (
        len(group(_hits("POST /nodes/{node}/qemu/{vmid}/move_disk", "POST /nodes/{node}/lxc/{vmid}/move_volume"))) == 1
    )


def test_the_scopes_of_the_firewall_are_one_group() -> None:
    paths = [
        "/cluster/firewall/rules",
        "/nodes/{node}/firewall/rules",
        "/nodes/{node}/qemu/{vmid}/firewall/rules",
        "/nodes/{node}/lxc/{vmid}/firewall/rules",
        "/cluster/sdn/vnets/{vnet}/firewall/rules",
    ]
    hits = _hits(*(f"POST {path}" for path in paths))
    assert len(hits) == 5
    assert len(group(hits)) == 1


def test_the_methods_of_one_path_are_one_group() -> None:
    assert len(group(_hits("GET /pools/{poolid}", "DELETE /pools/{poolid}", "PUT /pools/{poolid}"))) == 1


def test_a_list_and_its_member_are_two() -> None:
    assert len(group(_hits("GET /pools", "GET /pools/{poolid}"))) == 2
