"""What the steps of a plan come to together: a count, objects, a decision, and a digest of what is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from proxmox_mcp.policy.caller import Mode
from proxmox_mcp.policy.rules import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox_mcp.gateway.plans.proposal import PlannedStep, Proposal

    Planned = Callable[..., PlannedStep]
    Proposed = Callable[..., Proposal]

CONFIG, STOP = "/nodes/{node}/qemu/{vmid}/config", "/nodes/{node}/qemu/{vmid}/status/stop"
GUEST, SNAPSHOT = "/nodes/{node}/qemu/{vmid}", "/nodes/{node}/qemu/{vmid}/snapshot"
CLONE = "/nodes/{node}/qemu/{vmid}/clone"


def test_a_plan_says_in_one_line_what_it_does(planned: Planned, proposed: Proposed) -> None:
    steps = [planned(n, "PUT", CONFIG, "pve1", 100 + n, cores=4) for n in (1, 2, 3)]
    steps.append(planned(4, "POST", SNAPSHOT, "pve1", 101, snapname="pre"))
    steps += [planned(n, "DELETE", GUEST, "pve1", 100 + n) for n in (5, 6)]
    steps.append(planned(7, "POST", STOP, "pve1", 101))
    plan = proposed(*steps)
    assert plan.count == "3 changed, 1 created, 2 destroyed, 1 interrupted"
    assert plan.summary == "7 steps on 5 objects: 3 changed, 1 created, 2 destroyed, 1 interrupted."
    assert replace(plan, undo_of="change 41").summary.startswith("undo of change 41: 7 steps")


def test_one_of_each_is_told_in_the_singular(planned: Planned, proposed: Proposed) -> None:
    assert proposed(planned(1, "PUT", CONFIG, "pve1", 100, cores=4)).summary == "1 step on 1 object: 1 changed."


def test_a_guest_counts_once_whatever_is_done_to_it_and_a_new_one_by_itself(
    planned: Planned, proposed: Proposed
) -> None:
    clone = planned(1, "POST", CLONE, "pve1", 100, newid="900", allocated={"newid": "900"})
    others = [planned(2, "POST", STOP, "pve1", 100), planned(3, "PUT", CONFIG, "pve1", 900, cores=2)]
    assert proposed(clone, *others).objects == 2
    assert (
        proposed(planned(1, "DELETE", "/pools/{poolid}", "a"), planned(2, "DELETE", "/pools/{poolid}", "b")).objects
        == 2
    )


@pytest.mark.parametrize(
    ("mode", "count", "asked"),
    [(Mode.GUARDED, 5, False), (Mode.GUARDED, 6, True), (Mode.FULL, 6, False)],
)
def test_many_objects_are_asked_about_in_any_mode_but_full(
    mode: Mode, count: int, asked: bool, planned: Planned, proposed: Proposed
) -> None:
    plan = proposed(*(planned(n, "PUT", CONFIG, "pve1", 100 + n, cores=4) for n in range(1, count + 1)), mode=mode)
    assert (plan.decision.verdict is Verdict.CONFIRM) is asked
    assert ("MCP_PLAN_ASK (5)" in plan.decision.reason) is asked


def test_one_step_that_needs_it_has_the_whole_plan_confirmed(planned: Planned, proposed: Proposed) -> None:
    harmless, stop = planned(1, "PUT", CONFIG, "pve1", 100, cores=4), planned(2, "POST", STOP, "pve1", 100)
    assert proposed(harmless).decision.verdict is Verdict.ALLOW
    decision = proposed(harmless, stop).decision
    assert decision.verdict is Verdict.CONFIRM
    assert decision.reason == "guarded mode: disrupt"
    assert not decision.person_only
    assert stop.call.decision is not None
    reserved = replace(stop, call=replace(stop.call, decision=replace(stop.call.decision, person_only=True)))
    assert proposed(harmless, reserved).decision.person_only


def test_the_digest_is_that_of_everything_that_is_sent(planned: Planned, proposed: Proposed) -> None:
    step = planned(1, "PUT", CONFIG, "pve1", 100, cores=4, cipassword="secret")
    plan = proposed(step)
    others = [
        proposed(planned(1, "PUT", CONFIG, "pve1", 100, cores=4, cipassword="another")),
        proposed(planned(1, "PUT", CONFIG, "pve1", 101, cores=4, cipassword="secret")),
        proposed(step, step),
        replace(plan, on_error="continue"),
        replace(plan, undo_of="change 1"),
    ]
    assert len({plan.digest(), *(each.digest() for each in others)}) == 6
    assert "secret" not in str(plan.as_call(1).data)


def test_a_step_is_seen_by_those_that_hit_the_same(planned: Planned) -> None:
    snapshot = planned(1, "POST", SNAPSHOT, "pve1", 100, snapname="pre")
    assert snapshot.is_seen_by(planned(2, "DELETE", GUEST, "pve1", 100))
    assert not snapshot.is_seen_by(planned(2, "DELETE", GUEST, "pve1", 101))
    clone = planned(1, "POST", CLONE, "pve1", 100, newid="900")
    assert clone.is_seen_by(planned(2, "PUT", CONFIG, "pve1", 900, cores=2))
    pools = planned(1, "POST", "/pools", poolid="lab"), planned(2, "DELETE", "/pools/{poolid}", "lab")
    assert pools[0].is_seen_by(pools[1])
