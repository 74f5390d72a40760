"""Steps become concrete: a ``*`` stands for what the filter selects, ``next`` and references for identifiers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxmox_mcp.errors import InvalidCallError, ProxmoxMcpError, TargetError, ViewError
from proxmox_mcp.gateway.plans.expansion import Expansion, Placeholders, expand
from proxmox_mcp.gateway.plans.identifiers import FreeIdentifiers
from proxmox_mcp.gateway.plans.steps import PlanStep, read_steps
from proxmox_mcp.proxmox.inventory import Resources
from proxmox_mcp.render import View


def guest(vmid: int, name: str, node: str, kind: str = "qemu", **more: Any) -> dict[str, Any]:
    return {"type": kind, "vmid": vmid, "name": name, "node": node, "status": "running", "template": 0, **more}


RECORDS: list[dict[str, Any]] = [
    *(
        {"type": "node", "node": f"pve{n}", "status": "offline" if n == 3 else "online", "cpu": n / 10}
        for n in (1, 2, 3)
    ),
    guest(100, "web-01", "pve1", tags="prod;web", pool="shop"),
    guest(101, "lab-1", "pve1", tags="lab"),
    guest(103, "lab-ct", "pve2", "lxc", tags="lab;old"),
    guest(102, "lab-2", "pve2", tags="lab", status="stopped"),
    guest(105, "lost", "pve3", tags="lab", status="unknown"),
    guest(110, "twin", "pve1"),
    guest(111, "twin", "pve2", "lxc"),
    {"type": "storage", "storage": "nas", "node": "pve1", "status": "available", "content": "backup", "shared": 0},
    {"type": "storage", "storage": "nas", "node": "pve2", "status": "available", "content": "backup", "shared": 0},
    {"type": "pool", "pool": "shop"},
    {"type": "pool", "pool": "lab"},
]


def step(method: str, path: str, **data: Any) -> PlanStep:
    return PlanStep(method=method, path=path, data=data)


def made(
    *steps: PlanStep, where: str = "", free: tuple[str, ...] = ("900", "901", "902"), most: int = 100
) -> Expansion:
    identifiers = FreeIdentifiers(list(free), ["backup-1a2b3c4d"])
    return expand(steps, View.of(filter=where).conditions, Resources.of(RECORDS), identifiers, most)


def paths(expansion: Expansion) -> list[str]:
    return [each.path.text for each in expansion.steps]


def refusal(*steps: PlanStep, where: str = "", most: int = 100) -> str:
    with pytest.raises(ProxmoxMcpError) as refused:
        made(*steps, where=where, most=most)
    return str(refused.value)


# What a * stands for.


def test_a_star_for_guests_stands_for_vms_and_containers_that_the_filter_selects() -> None:
    expansion = made(step("POST", "/nodes/*/guests/*/status/shutdown"), where="tags~lab and status=running")
    assert paths(expansion) == ["/nodes/pve1/qemu/101/status/shutdown", "/nodes/pve2/lxc/103/status/shutdown"]
    assert [each.number for each in expansion.steps] == [1, 2]
    assert {each.given for each in expansion.steps} == {1}


def test_a_star_for_one_kind_leaves_the_other_out() -> None:
    assert paths(made(step("DELETE", "/nodes/*/lxc/*/snapshot/old"), where="tags~lab")) == [
        "/nodes/pve2/lxc/103/snapshot/old"
    ]


def test_each_step_is_expanded_whole_before_the_next() -> None:
    expansion = made(
        step("POST", "/nodes/*/guests/*/snapshot", snapname="pre"),
        step("POST", "/nodes/*/guests/*/status/reboot"),
        where="tags~lab and status=running",
    )
    assert [(each.given, each.path.segments[-1]) for each in expansion.steps] == [
        *([(1, "snapshot")] * 2),
        *([(2, "reboot")] * 2),
    ]


@pytest.mark.parametrize(
    ("path", "where", "expected"),
    [
        ("/nodes/*/apt/update", "status=online", ["/nodes/pve1/apt/update", "/nodes/pve2/apt/update"]),
        ("/nodes/*/apt/update", "cpu<15%", ["/nodes/pve1/apt/update"]),
        ("/pools/*", "pool~sho", ["/pools/shop"]),
        ("/nodes/*/storage/nas/prunebackups", "node=pve2", ["/nodes/pve2/storage/nas/prunebackups"]),
    ],
)
def test_a_star_also_stands_for_nodes_pools_and_storages(path: str, where: str, expected: list[str]) -> None:
    assert paths(made(step("PUT", path), where=where)) == expected


def test_a_star_without_a_filter_is_refused_and_says_how_many_it_stands_for() -> None:
    said = refusal(step("POST", "/nodes/*/guests/*/status/stop"))
    assert "stands for 7 places" in said
    assert "Set `filter`" in said


def test_a_filter_that_nothing_matches_is_refused() -> None:
    assert "None of 7 places" in refusal(step("POST", "/nodes/*/guests/*/status/stop"), where="tags~nothing")


def test_a_filter_without_a_star_is_refused() -> None:
    assert "no step has one" in refusal(step("POST", "/nodes/pve1/qemu/100/status/stop"), where="tags~lab")


def test_an_unknown_field_of_a_filter_is_refused_with_those_there_are() -> None:
    with pytest.raises(ViewError, match="tagz"):
        made(step("POST", "/nodes/*/guests/*/status/stop"), where="tagz~lab")


def test_what_is_on_a_node_that_is_offline_is_left_out_and_said() -> None:
    expansion = made(step("POST", "/nodes/*/guests/*/status/stop"), where="tags~lab")
    assert "/nodes/pve3/qemu/105/status/stop" not in paths(expansion)
    assert expansion.left_out == ("105 (lost, qemu on pve3): its node is offline",)


def test_more_steps_than_allowed_are_refused() -> None:
    assert len(made(step("POST", "/nodes/*/guests/*/status/stop"), where="tags~lab", most=3).steps) == 3
    assert "more than 2 steps" in refusal(step("POST", "/nodes/*/guests/*/status/stop"), where="tags~lab", most=2)


# A single guest.


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/nodes/*/guests/lab-ct/config", "/nodes/pve2/lxc/103/config"),
        ("/nodes/*/guests/100/config", "/nodes/pve1/qemu/100/config"),
        ("/nodes/*/qemu/web-01/config", "/nodes/pve1/qemu/100/config"),
        ("/nodes/pve9/qemu/555/config", "/nodes/pve9/qemu/555/config"),
    ],
)
def test_a_single_guest_is_found_by_its_id_or_name_without_a_filter(path: str, expected: str) -> None:
    assert paths(made(step("PUT", path))) == [expected]


def test_an_unknown_or_ambiguous_guest_is_refused() -> None:
    with pytest.raises(TargetError, match="There is no guest web-1"):
        made(step("PUT", "/nodes/*/guests/web-1/config"))
    assert "A VM and a container are named twin" in refusal(step("PUT", "/nodes/*/guests/twin/config"))
    assert "none is named" in refusal(step("PUT", "/nodes/*/guests"))


# Identifiers.


def test_next_becomes_a_free_id_that_later_steps_may_name() -> None:
    expansion = made(
        step("POST", "/nodes/pve1/qemu/100/clone", newid="next", name="copy"),
        step("PUT", "/nodes/*/qemu/${1.newid}/config", description="from ${1.vmid}"),
        step("POST", "/nodes/pve2/lxc", vmid="next"),
        step("POST", "/nodes/*/guests/${3.vmid}/status/start"),
    )
    assert paths(expansion)[1::2] == ["/nodes/pve1/qemu/900/config", "/nodes/pve2/lxc/901/status/start"]
    assert expansion.steps[0].data == {"newid": "900", "name": "copy"}
    assert expansion.steps[0].allocated == {"newid": "900"}
    assert expansion.steps[1].data == {"description": "from 900"}


def test_a_clone_to_another_node_is_looked_for_there() -> None:
    expansion = made(
        step("POST", "/nodes/pve1/qemu/100/clone", newid="next", target="pve2"),
        step("POST", "/nodes/*/qemu/${1.newid}/status/start"),
    )
    assert paths(expansion)[1] == "/nodes/pve2/qemu/900/status/start"


def test_a_backup_job_gets_an_id_that_a_later_step_may_name() -> None:
    expansion = made(
        step("POST", "/cluster/backup", id="next", storage="nas"), step("DELETE", "/cluster/backup/${1.id}")
    )
    assert paths(expansion)[1] == "/cluster/backup/backup-1a2b3c4d"


def test_each_clone_of_many_gets_an_id_of_its_own() -> None:
    clones = made(step("POST", "/nodes/*/qemu/*/clone", newid="next"), where="tags~lab and node!=pve3")
    assert [each.data["newid"] for each in clones.steps] == ["900", "901"]
    said = refusal(
        step("POST", "/nodes/*/qemu/*/clone", newid="next"),
        step("POST", "/nodes/*/qemu/${1.newid}/status/start"),
        where="tags~lab and node!=pve3",
    )
    assert "step 1 stands for 2 calls, each with its own newid" in said


def test_what_a_step_names_itself_may_be_referred_to_also_where_it_stands_for_many() -> None:
    expansion = made(
        step("POST", "/nodes/*/guests/*/snapshot", snapname="pre"),
        step("DELETE", "/nodes/pve1/qemu/101/snapshot/${1.snapname}"),
        where="tags~lab and node!=pve3",
    )
    assert paths(expansion)[-1] == "/nodes/pve1/qemu/101/snapshot/pre"


def test_what_only_the_answer_tells_stays_a_reference_to_the_concrete_step() -> None:
    expansion = made(
        step("POST", "/nodes/*/guests/*/snapshot", snapname="pre"),
        step("POST", "/nodes/pve1/storage/nas/content", filename="x", size="1G", vmid=100),
        step("PUT", "/nodes/pve1/qemu/100/config", scsi5="${2.volid}"),
        where="tags~lab and node!=pve3",
    )
    assert expansion.steps[4].data == {"scsi5": "${4.volid}"}


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("${1.cipassword}", "creates nothing with this identifier. It has: vmid."),
        ("${2.vmid}", "not an earlier one"),
        ("${7.vmid}", "not an earlier one"),
        ("${0.vmid}", "not an earlier one"),
    ],
)
def test_a_reference_to_anything_else_is_refused(reference: str, told: str) -> None:
    creates = step("POST", "/nodes/pve1/qemu", vmid="next", cipassword="secret")
    said = refusal(creates, step("PUT", "/nodes/pve1/qemu/100/config", description=reference))
    assert told in said
    assert "secret" not in said


def test_a_step_that_depends_on_a_wrong_one_adds_no_fault_of_its_own() -> None:
    said = refusal(step("POST", "/nodes/*/qemu/nobody/clone", newid="next"), step("DELETE", "/nodes/*/qemu/${1.newid}"))
    assert "1 of 2 steps has faults" in said


def test_the_faults_of_all_steps_are_told_at_once() -> None:
    with pytest.raises(InvalidCallError) as refused:
        made(
            step("PUT", "/nodes/*/qemu/nobody/config"),
            step("PUT", "/nodes/pve1/qemu/100/config", name="${9.vmid}"),
            step("PUT", "/nodes/pve1/qemu/100/config"),
        )
    assert "2 of 3 steps have faults" in refused.value.message


def test_placeholders_count_what_is_needed() -> None:
    needed = Placeholders()
    steps = [step("POST", "/nodes/*/qemu/*/clone", newid="next"), step("POST", "/cluster/backup", id="next")]
    expand(steps, View.of(filter="tags~lab and node!=pve3").conditions, Resources.of(RECORDS), needed, 100)
    assert needed.taken == ["newid", "newid", "id"]


segments = st.sampled_from(
    ["nodes", "*", "pve1", "guests", "qemu", "lxc", "100", "twin", "config", "storage", "nas", "${1.vmid}", ""]
)


@given(st.lists(st.lists(segments, max_size=6), min_size=1, max_size=4), st.sampled_from(["", "tags~lab", "node=pve1"]))
def test_whatever_is_given_every_concrete_step_is_concrete(given: list[list[str]], where: str) -> None:
    steps = [step("PUT", "/".join(["", *parts])) for parts in given]
    try:
        expansion = made(*steps, where=where)
    except ProxmoxMcpError:
        return
    for each in expansion.steps:
        assert "*" not in each.path.segments[:4]
        assert "guests" not in each.path.segments[2:3]
    assert [each.number for each in expansion.steps] == list(range(1, len(expansion.steps) + 1))


# Commands for guests.


def command(guest: str, *words: str) -> PlanStep:
    (read,) = read_steps([{"guest": guest, "command": list(words) or ["id"]}], 1)
    return read


@pytest.mark.parametrize(
    ("guest", "path"),
    [
        ("web-01", "/nodes/pve1/qemu/100/agent/exec"),
        ("100", "/nodes/pve1/qemu/100/agent/exec"),
        ("lab-ct", "/nodes/pve2/lxc/103/termproxy"),
    ],
)
def test_a_command_becomes_the_call_that_carries_it(guest: str, path: str) -> None:
    (made_step,) = made(command(guest, "df", "-h")).steps
    assert made_step.path.text == path
    assert made_step.work is not None
    assert made_step.work.guest.path == path.removesuffix("/agent/exec").removesuffix("/termproxy")
    assert made_step.work.command.argv == ("df", "-h")


def test_a_command_runs_in_each_guest_that_the_filter_selects() -> None:
    expansion = made(command("*"), where="tags~lab and status=running")
    assert [str(each.work.guest) for each in expansion.steps if each.work] == ["VM 101", "container 103"]
    assert "a write needs to be told which" in refusal(command("*"))


def test_a_command_may_run_in_a_guest_that_an_earlier_step_creates_and_is_not_changed_itself() -> None:
    clone = step("POST", "/nodes/pve1/qemu/100/clone", newid="next")
    _, run = made(clone, command("${1.vmid}", "echo", "${1.vmid}")).steps
    assert run.path.text == "/nodes/pve1/qemu/900/agent/exec"
    assert run.work is not None
    assert run.work.command.argv == ("echo", "${1.vmid}")


@pytest.mark.parametrize(("guest", "told"), [("web-1", "web-01"), ("twin", "Use the id"), ("999", "no guest 999")])
def test_a_command_for_an_unknown_guest_is_refused(guest: str, told: str) -> None:
    assert told in refusal(command(guest))
