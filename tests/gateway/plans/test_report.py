"""What is said of a plan: what was done, what failed, what was not begun, and how to go on or back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from proxmox_mcp.gateway.plans import report
from proxmox_mcp.gateway.plans.records import PlanRecord, PlanState, StepRecord, StepState
from proxmox_mcp.gateway.request import FOR_PEOPLE

if TYPE_CHECKING:
    from collections.abc import Sequence

W, R, D, F, U = StepState.WAITING, StepState.RUNNING, StepState.DONE, StepState.FAILED, StepState.UNKNOWN


def plan(state: PlanState, steps: Sequence[StepState], said: str = "", stopped_by: str = "") -> PlanRecord:
    return PlanRecord(
        number=12,
        created=0.0,
        started=0.0,
        finished=None,
        state=state,
        caller="ops",
        client="",
        cluster="default",
        summary="",
        statement="Plan: a statement.",
        confirmation="",
        on_error="stop",
        undo_of="",
        stop_requested=bool(stopped_by),
        stopped_by=stopped_by,
        given=None,
        steps=tuple(
            StepRecord(number=n, method="POST", path=f"/nodes/pve1/qemu/{100 + n}/status/stop", state=each, said=said)
            for n, each in enumerate(steps, 1)
        ),
    )


def test_a_person_is_told_their_own_way_to_go_on_and_back() -> None:
    assert "console" in report.running(plan(PlanState.RUNNING, [R, W]), wording=FOR_PEOPLE).splitlines()[-1]
    assert report.ended(plan(PlanState.DONE, [D]), FOR_PEOPLE).endswith("To go back: proxmox-mcp undo plan 12")


def test_a_plan_that_runs_says_how_far_it_is_and_how_to_wait() -> None:
    said = report.running(plan(PlanState.RUNNING, [D, D, D, D, R, W, W, W, W, W]), "at 40%")
    assert said.splitlines() == [
        "plan 12: 4 of 10 done, continues.",
        "Running: 5. POST /nodes/pve1/qemu/105/status/stop (at 40%)",
        "To wait for it: proxmox_api_plan plan=12. To end it after the running step: add stop=true.",
    ]


def test_a_plan_that_was_told_to_stop_says_when_it_ends() -> None:
    said = report.running(plan(PlanState.RUNNING, [R, W], stopped_by="lena"))
    assert said.startswith("plan 12: 0 of 2 done, ends after the running step.")


def test_a_failure_is_told_whole_with_what_was_done_and_what_was_not_begun() -> None:
    said = report.ended(plan(PlanState.FAILED, [D, F, W, W], "Task qmstop ended\nits log"))
    assert said.splitlines() == [
        "plan 12: failed, 1 of 4 steps done.",
        "1. POST /nodes/pve1/qemu/101/status/stop: Task qmstop ended",
        "   its log",
        "FAILED: 2. POST /nodes/pve1/qemu/102/status/stop",
        "   Task qmstop ended",
        "   its log",
        "Not begun: 3-4.",
        "   3. POST /nodes/pve1/qemu/103/status/stop",
        "   4. POST /nodes/pve1/qemu/104/status/stop",
        "To go on: correct the cause, and make a plan of the steps that are left.",
        'To go back: proxmox_api_plan undo="plan 12".',
    ]


def test_an_unknown_outcome_is_told_as_such() -> None:
    said = report.ended(plan(PlanState.CUT_OFF, [D, U, W]))
    assert "cut off when its server ended, 1 of 3 steps done. Nothing resumes it." in said
    assert "UNKNOWN: 2. POST" in said
    assert "To find out:" in said


@pytest.mark.parametrize("steps", [0, 1])
def test_a_plan_that_sent_nothing_has_nothing_to_go_back_to(steps: int) -> None:
    said = report.ended(plan(PlanState.STOPPED, [*[D] * steps, W], stopped_by="lena"))
    assert said.startswith(f"plan 12: stopped by lena, {steps} of {steps + 1} steps done.")
    assert ("To go back" in said) is bool(steps)


def test_many_steps_are_told_in_few_lines() -> None:
    said = report.ended(plan(PlanState.DONE, [D] * 100))
    assert said.startswith("plan 12: done, 100 steps.")
    assert "and done as well: 13-100." in said
    assert len(said.splitlines()) < 20


def test_the_output_of_each_command_is_told_below_its_step() -> None:
    one = plan(PlanState.DONE, [D] * 14)
    ran = replace(one.steps[13], command="df -h", said="Exit code 0 after 0.1 s.\n| Filesystem", change=7)
    said = report.ended(replace(one, steps=(*one.steps[:13], ran))).splitlines()
    assert said[13:16] == [
        "14. POST /nodes/pve1/qemu/114/status/stop (df -h): Exit code 0 after 0.1 s. (change 7)",
        "   | Filesystem",
        "and done as well: 13.",
    ]


def test_a_long_command_is_named_by_its_begin() -> None:
    one = plan(PlanState.DONE, [D])
    said = report.ended(replace(one, steps=(replace(one.steps[0], command="echo " + "x\n" * 1000),)))
    assert len(said) < 400
    assert "(echo x x x" in said


def test_no_way_back_is_offered_where_only_commands_were_run() -> None:
    one = plan(PlanState.DONE, [D, D])
    ran = replace(one.steps[0], command="df -h")
    assert "To go back" not in report.ended(replace(one, steps=(ran,)))
    assert "To go back" in report.ended(replace(one, steps=(ran, one.steps[1])))
