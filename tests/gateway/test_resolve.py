from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.errors import TargetError
from proxmox_mcp.gateway.resolve import resolve
from proxmox_mcp.proxmox.inventory import Resources


def guest(vmid: int, kind: str, name: str, node: str) -> dict[str, object]:
    return {"type": kind, "vmid": vmid, "name": name, "node": node, "status": "running"}


def storage(name: str, node: str, *, shared: int = 0, status: str = "available") -> dict[str, object]:
    return {"type": "storage", "storage": name, "node": node, "shared": shared, "status": status}


RESOURCES = Resources.of(
    [
        {"type": "node", "node": "pve1", "status": "online"},
        {"type": "node", "node": "pve2", "status": "offline"},
        guest(100, "qemu", "web-01", "pve1"),
        guest(102, "qemu", "web-02", "pve2"),
        guest(103, "qemu", "twin", "pve1"),
        guest(104, "qemu", "twin", "pve2"),
        guest(200, "lxc", "forum", "pve2"),
        guest(201, "lxc", "web-01", "pve1"),
        storage("local", "pve1"),
        storage("local", "pve2"),
        storage("nas", "pve2", shared=1, status="unknown"),
        storage("nas", "pve1", shared=1),
        {"type": "pool", "pool": "staging"},
    ]
)


def paths(path: str, method: str = "GET") -> list[str]:
    return [target.path.encoded for target in resolve(ApiPath.parse(path), method, RESOURCES)]


@pytest.mark.parametrize(
    ("path", "concrete"),
    [
        ("nodes/*/qemu/102/config", "/nodes/pve2/qemu/102/config"),
        ("/nodes/*/qemu/web-02/status/start", "/nodes/pve2/qemu/102/status/start"),
        ("nodes/pve2/qemu/web-02", "/nodes/pve2/qemu/102"),
        ("nodes/*/lxc/forum/config", "/nodes/pve2/lxc/200/config"),
        ("nodes/*/lxc/FORUM/config", "/nodes/pve2/lxc/200/config"),
        ("nodes/*/qemu/web-01", "/nodes/pve1/qemu/100"),
        ("nodes/*/lxc/web-01", "/nodes/pve1/lxc/201"),
        ("//nodes//%2a/qemu/102/", "/nodes/pve2/qemu/102"),
        ("nodes/*/qemu/102/rrddata?timeframe=hour", "/nodes/pve2/qemu/102/rrddata?timeframe=hour"),
        ("nodes/pve1/qemu/999/config", "/nodes/pve1/qemu/999/config"),
        ("nodes/*/guests/forum/config", "/nodes/pve2/lxc/200/config"),
        ("nodes/pve2/guests/102/status/current", "/nodes/pve2/qemu/102/status/current"),
        ("nodes/*/guests/200", "/nodes/pve2/lxc/200"),
        ("nodes/pve9/status", "/nodes/pve9/status"),
        ("cluster/resources", "/cluster/resources"),
        (
            "nodes/pve1/storage/local/content/local:iso/a b*.iso",
            "/nodes/pve1/storage/local/content/local%3Aiso/a%20b%2A.iso",
        ),
    ],
)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_path_is_made_concrete(path: str, concrete: str, method: str) -> None:
    (target,) = resolve(ApiPath.parse(path), method, RESOURCES)
    assert target.path == ApiPath.parse(concrete)


@pytest.mark.parametrize(
    ("path", "concrete"),
    [
        (
            "nodes/*/qemu/*/snapshot",
            [f"/nodes/{n}/qemu/{i}/snapshot" for n, i in (("pve1", 100), ("pve2", 102), ("pve1", 103), ("pve2", 104))],
        ),
        ("nodes/pve1/lxc/*/config", ["/nodes/pve1/lxc/201/config"]),
        ("nodes/*/tasks", ["/nodes/pve1/tasks", "/nodes/pve2/tasks"]),
        ("nodes/*/qemu", ["/nodes/pve1/qemu", "/nodes/pve2/qemu"]),
        ("nodes/*/storage", ["/nodes/pve1/storage", "/nodes/pve2/storage"]),
        (
            "nodes/*/storage/*/content",
            [
                "/nodes/pve1/storage/local/content",
                "/nodes/pve2/storage/local/content",
                "/nodes/pve1/storage/nas/content",
            ],
        ),
        ("nodes/*/storage/local/status", ["/nodes/pve1/storage/local/status", "/nodes/pve2/storage/local/status"]),
        ("nodes/pve2/storage/*/content", ["/nodes/pve2/storage/local/content", "/nodes/pve2/storage/nas/content"]),
        ("storage/*", ["/storage/local", "/storage/nas"]),
        ("pools/*", ["/pools/staging"]),
    ],
)
def test_a_star_in_a_get_stands_for_all(path: str, concrete: list[str]) -> None:
    assert paths(path) == concrete


def test_each_target_knows_its_places_and_whether_they_are_up() -> None:
    one, two = [
        t for t in resolve(ApiPath.parse("nodes/*/qemu/*/config"), "GET", RESOURCES) if t.guest and t.guest.vmid < 103
    ]
    assert (one.node, one.guest and one.guest.name, one.online) == ("pve1", "web-01", True)
    assert (two.node, two.online) == ("pve2", False)
    (nas,) = [t for t in resolve(ApiPath.parse("nodes/*/storage/*/content"), "GET", RESOURCES) if t.storage == "nas"]
    assert nas.node == "pve1"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (
            "nodes/*/qemu/twin/config",
            ["103 (twin, qemu on pve1)", "104 (twin, qemu on pve2)", "/nodes/*/qemu/103/config"],
        ),
        ("nodes/*/qemu/200/config", ["200 (forum, lxc on pve2)", "/nodes/pve2/lxc/200/config"]),
        ("nodes/pve1/qemu/web-02/config", ["102 (web-02, qemu on pve2)", "/nodes/pve2/qemu/102/config"]),
        ("nodes/*/qemu/web-03/config", ["no guest web-03", "web-0"]),
        ("nodes/*/qemu/105/config", ["no guest 105", "104"]),
        ("nodes/pve9/qemu/*/config", ["no node pve9", "pve1", "pve2"]),
        ("nodes/*/storage/nass/content", ["no storage nass", "nas"]),
        ("nodes/*/qemu/*/snapshot/*/config", ["is not possible"]),
        ("cluster/*/x", ["is not possible"]),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_can_not_be_found_is_refused_with_what_there_is(path: str, words: list[str], method: str) -> None:
    with pytest.raises(TargetError) as caught:
        resolve(ApiPath.parse(path), method, RESOURCES)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("path", ["nodes/*/qemu/*/status/stop", "nodes/*/tasks", "nodes/*/storage/local", "storage/*"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_call_that_changes_something_goes_to_one_place(path: str, method: str) -> None:
    with pytest.raises(TargetError, match="goes to one"):
        resolve(ApiPath.parse(path), method, RESOURCES)


def test_in_a_cluster_that_shows_no_guests_nothing_is_guessed_from_that() -> None:
    with pytest.raises(TargetError) as caught:
        resolve(ApiPath.parse("nodes/*/qemu/web/config"), "GET", Resources.of([{"type": "node", "node": "pve1"}]))
    assert str(caught.value) == "There is no guest web."


@pytest.mark.parametrize(
    ("path", "needed"),
    [
        ("nodes/pve1/qemu/100/config", False),
        ("nodes/*/qemu/100/config", True),
        ("nodes/pve1/qemu/web/config", True),
        ("nodes/pve1/qemu", False),
        ("storage/*", True),
        ("cluster/resources?type=*", False),
    ],
)
def test_only_paths_that_leave_something_open_cost_a_lookup(path: str, needed: bool) -> None:
    assert ApiPath.parse(path).needs_lookup is needed


@given(st.text(), st.sampled_from(["GET", "POST"]))
def test_no_text_makes_anything_but_targets_or_a_target_error(path: str, method: str) -> None:
    try:
        targets = resolve(ApiPath.parse(path), method, RESOURCES)
    except TargetError:
        return
    assert all(target.path.encoded.startswith("/") for target in targets)


def test_guests_stands_for_vms_and_containers_and_tells_the_kind_of_each() -> None:
    found = resolve(ApiPath.parse("/nodes/*/guests/*/snapshot"), "GET", RESOURCES)
    assert [(target.kind, target.path.encoded) for target in found] == [
        ("qemu", "/nodes/pve1/qemu/100/snapshot"),
        ("qemu", "/nodes/pve2/qemu/102/snapshot"),
        ("qemu", "/nodes/pve1/qemu/103/snapshot"),
        ("qemu", "/nodes/pve2/qemu/104/snapshot"),
        ("lxc", "/nodes/pve2/lxc/200/snapshot"),
        ("lxc", "/nodes/pve1/lxc/201/snapshot"),
    ]
    assert [target.kind for target in resolve(ApiPath.parse("/nodes/*/qemu/*/snapshot"), "GET", RESOURCES)] == [""] * 4


def test_the_list_of_guests_is_that_of_both_kinds_on_each_node() -> None:
    assert paths("nodes/*/guests") == ["/nodes/pve1/qemu", "/nodes/pve1/lxc", "/nodes/pve2/qemu", "/nodes/pve2/lxc"]
    assert paths("nodes/pve2/guests") == ["/nodes/pve2/qemu", "/nodes/pve2/lxc"]
    assert ApiPath.parse("/nodes/pve2/guests").stands_for_many


def test_a_name_that_a_vm_and_a_container_share_is_refused_with_both() -> None:
    with pytest.raises(TargetError, match="2 guests are named web-01") as refused:
        paths("nodes/*/guests/web-01/config")
    assert "/nodes/*/qemu/100/config" in refused.value.advice or "100" in refused.value.message
    with pytest.raises(TargetError, match="No guest forum on pve1, but 200"):
        paths("nodes/pve1/guests/forum/config")
    with pytest.raises(TargetError, match="POST goes to one"):
        paths("nodes/*/guests/*/status/start", "POST")
