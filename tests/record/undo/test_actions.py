"""Actions are undone by the opposite action, and only for what they changed."""

from __future__ import annotations

from typing import Any

import pytest

from proxmox_mcp.record.undo import After, Case, Get, inverse, wanted
from undone_roundtrips import call_of, parameters

GUESTS = Get("/cluster/resources", (("type", "vm"),))
NODE, BULK = "/nodes/pve1", "/cluster/bulk-action/guest"


def undone(
    path: str, before: dict[Get, Any] | None = None, after: dict[Get, Any] | None = None, **data: Any
) -> tuple[list[str], str]:
    """The calls that undo a POST, or the reason why it can't be undone."""
    case = Case(
        call_of("POST", path, data), before or {}, parameters, After(None, after) if after is not None else None
    )
    found = inverse(case)
    calls = [f"{each.path}{dict(each.data) or ''}" for each in found.calls]
    assert all(each.method == "POST" for each in found.calls)
    return calls, "" if calls else found.reason


def guest(vmid: int, status: str, node: str = "pve1", kind: str = "qemu", **more: Any) -> dict[str, Any]:
    return {"vmid": vmid, "type": kind, "node": node, "status": status, **more}


VM, CONTAINER = f"{NODE}/qemu/100", f"{NODE}/lxc/101"


@pytest.mark.parametrize(
    ("path", "state", "calls"),
    [
        (f"{VM}/status/start", {"status": "stopped"}, [f"{VM}/status/shutdown"]),
        (f"{VM}/status/stop", {"status": "running"}, [f"{VM}/status/start"]),
        (f"{VM}/status/stop", {"status": "running", "qmpstatus": "paused"}, [f"{VM}/status/start"]),
        (f"{VM}/status/shutdown", {"status": "running"}, [f"{VM}/status/start"]),
        (f"{VM}/status/suspend", {"status": "running"}, [f"{VM}/status/resume"]),
        (f"{VM}/status/resume", {"status": "running", "qmpstatus": "paused"}, [f"{VM}/status/suspend"]),
        (f"{CONTAINER}/status/start", {"status": "stopped"}, [f"{CONTAINER}/status/shutdown"]),
        (f"{VM}/agent/shutdown", {"status": "running"}, [f"{VM}/status/start"]),
        (f"{VM}/agent/suspend-ram", {"status": "running"}, [f"{VM}/status/resume"]),
    ],
)
def test_power_is_reversed_by_the_opposite_action(path: str, state: dict[str, str], calls: list[str]) -> None:
    one = "/".join(path.split("/")[:5])
    (get,) = wanted(Case(call_of("POST", path, {}), {}, parameters))
    assert get == Get(f"{one}/status/current")
    assert undone(path, {get: state}) == (calls, "")


def test_a_guest_that_was_suspended_to_disk_is_started() -> None:
    before = {Get(f"{VM}/status/current"): {"status": "running"}}
    assert undone(f"{VM}/status/suspend", before, todisk=1) == ([f"{VM}/status/start"], "")


@pytest.mark.parametrize(
    ("action", "state", "reason"),
    [
        ("start", {"status": "running"}, "it was running before: nothing to undo"),
        ("stop", {"status": "stopped"}, "it was stopped before: nothing to undo"),
        ("resume", {"status": "running"}, "it was running before: nothing to undo"),
        ("start", None, "the state of the guest was not read before"),
    ],
)
def test_an_action_that_changed_nothing_is_not_reversed(action: str, state: Any, reason: str) -> None:
    assert undone(f"{VM}/status/{action}", {Get(f"{VM}/status/current"): state}) == ([], reason)


@pytest.mark.parametrize(
    ("path", "call"),
    [
        (f"{VM}/agent/fsfreeze-freeze", f"{VM}/agent/fsfreeze-thaw"),
        (f"{VM}/agent/fsfreeze-thaw", f"{VM}/agent/fsfreeze-freeze"),
        (f"{NODE}/ceph/osd/3/in", f"{NODE}/ceph/osd/3/out"),
        ("/cluster/ha/status/disarm-ha", "/cluster/ha/status/arm-ha"),
    ],
)
def test_what_has_a_fixed_opposite_needs_no_state(path: str, call: str) -> None:
    assert undone(path) == ([call], "")


BEFORE = {
    GUESTS: [
        guest(100, "running"),
        guest(101, "stopped", kind="lxc"),
        guest(102, "stopped"),
        guest(103, "stopped", template=1),
        guest(104, "stopped", node="pve2"),
        guest(105, "running", node="pve2"),
    ]
}


def after(**changed: str) -> dict[Get, Any]:
    """The guests afterwards, by ``vm102="running"``."""
    return {GUESTS: [{**each, "status": changed.get(f"vm{each['vmid']}", each["status"])} for each in BEFORE[GUESTS]]}


def test_of_many_guests_those_are_reversed_that_changed() -> None:
    started = after(vm101="running", vm104="running")
    assert undone(f"{NODE}/startall", BEFORE, started) == ([f"{NODE}/lxc/101/status/shutdown"], "")
    assert undone(f"{BULK}/start", BEFORE, started)[0] == [
        f"{NODE}/lxc/101/status/shutdown",
        "/nodes/pve2/qemu/104/status/shutdown",
    ]
    assert undone(f"{NODE}/startall", BEFORE, started, vms="102") == ([], "it changes no guest")


def test_before_it_is_known_what_changed_all_that_may_are_named() -> None:
    assert undone(f"{NODE}/startall", BEFORE)[0] == [
        f"{NODE}/lxc/101/status/shutdown",
        f"{NODE}/qemu/102/status/shutdown",
    ]
    assert undone(f"{BULK}/shutdown", BEFORE, vms=[105])[0] == ["/nodes/pve2/qemu/105/status/start"]


def test_suspended_guests_are_resumed_although_they_count_as_running() -> None:
    assert undone(f"{NODE}/suspendall", BEFORE, after())[0] == [f"{NODE}/qemu/100/status/resume"]


def test_many_guests_are_migrated_back_to_their_nodes_as_they_run() -> None:
    assert undone(f"{NODE}/migrateall", BEFORE, target="pve2")[0] == [
        "/nodes/pve2/qemu/100/migrate{'target': 'pve1', 'online': 1}",
        "/nodes/pve2/lxc/101/migrate{'target': 'pve1'}",
        "/nodes/pve2/qemu/102/migrate{'target': 'pve1'}",
    ]
    running = {GUESTS: [guest(101, "running", kind="lxc"), guest(105, "running", node="pve2")]}
    assert undone(f"{BULK}/migrate", running, vms=[101, 105], target="pve2")[0] == [
        "/nodes/pve2/lxc/101/migrate{'target': 'pve1', 'restart': 1}"
    ]
    assert undone(f"{NODE}/migrateall", {GUESTS: []}, target="pve2") == ([], "it moves no guest")


@pytest.mark.parametrize("path", [f"{NODE}/migrateall", f"{BULK}/migrate"])
def test_vms_that_were_moved_with_their_local_disks_come_back_with_them(path: str) -> None:
    """Proxmox refuses a running VM with local disks otherwise; a container has no such parameter."""
    asked: dict[str, Any] = {"target": "pve2", "with-local-disks": 1}
    guests = {GUESTS: [guest(100, "running"), guest(101, "stopped", kind="lxc")]}
    assert undone(path, guests, **asked)[0] == [
        "/nodes/pve2/qemu/100/migrate{'target': 'pve1', 'online': 1, 'with-local-disks': '1'}",
        "/nodes/pve2/lxc/101/migrate{'target': 'pve1'}",
    ]


@pytest.mark.parametrize("path", [f"{NODE}/startall", f"{NODE}/migrateall"])
def test_guests_that_were_not_read_before_are_not_reversed(path: str) -> None:
    calls, reason = undone(path, target="pve2") if "migrate" in path else undone(path)
    assert calls == []
    assert reason.endswith("not read before")


@pytest.mark.parametrize(
    ("action", "state", "undoes"),
    [
        ("start", {"state": "dead"}, [f"{NODE}/services/postfix/stop"]),
        ("stop", {"state": "running"}, [f"{NODE}/services/postfix/start"]),
        ("start", {"state": "running"}, []),
        ("stop", {"state": "dead"}, []),
        ("stop", None, []),
    ],
)
def test_a_service_is_as_it_was_before(action: str, state: Any, undoes: list[str]) -> None:
    path = f"{NODE}/services/postfix/{action}"
    calls, reason = undone(path, {Get(f"{NODE}/services/postfix/state"): state})
    assert calls == undoes
    assert bool(reason) is not bool(undoes)
