"""How far a plan is, in words: what was done, what failed and why, what was not begun, and how to go on or back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxmox_mcp.gateway.plans.records import PlanRecord, PlanState, StepRecord, StepState
from proxmox_mcp.gateway.plans.statement import ranges
from proxmox_mcp.gateway.request import FOR_MODELS
from proxmox_mcp.render.units import number_of
from proxmox_mcp.untrusted import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxmox_mcp.gateway.request import Wording

_MOST_TOLD = 12
_LONGEST_PATH, _LONGEST_COMMAND = 200, 100


def running(plan: PlanRecord, doing: str = "", wording: Wording = FOR_MODELS) -> str:
    """What is said of a plan whose end was not waited for; ``doing`` is what its running step told last."""
    done = len(plan.in_state(StepState.DONE))
    failed = len(plan.in_state(StepState.FAILED, StepState.UNKNOWN))
    count = f"{done} of {len(plan.steps)} done" + (f", {failed} failed" if failed else "")
    now = next((f"Running: {_name(step)}" for step in plan.in_state(StepState.RUNNING)), "")
    now = f"{now} ({one_line(doing, _LONGEST_PATH)})" if now and doing else now
    ends = "ends after the running step" if plan.stop_requested else "continues"
    how = wording.wait_for_plan.format(number=plan.number)
    return "\n".join(filter(None, (f"plan {plan.number}: {count}, {ends}.", now, how)))


def ended(plan: PlanRecord, wording: Wording = FOR_MODELS) -> str:
    """How a plan ended."""
    lines = [_head(plan), *_done(plan)]
    for step in plan.in_state(StepState.FAILED):
        lines += [f"FAILED: {_name(step)}{_change(step)}", *_indented(step.said)]
    for step in plan.in_state(StepState.UNKNOWN):
        lines += [
            f"UNKNOWN: {_name(step)}: it was sent, or about to be, and its outcome is not known.",
            *_indented(step.said),
        ]
        lines.append("   To find out: look at what it changes, at the node's tasks, and at its change on record.")
    waiting = plan.in_state(StepState.WAITING)
    if waiting:
        lines.append(f"Not begun: {ranges([step.number for step in waiting])}.")
        lines += [f"   {_name(step)}" for step in waiting[:_MOST_TOLD]]
    lines += _what_next(plan, wording)
    return "\n".join(lines)


def stated_only(plan: PlanRecord) -> str:
    """A plan that nobody has confirmed."""
    return f"plan {plan.number} was stated and not confirmed: nothing was sent.\n{plan.statement}"


def _head(plan: PlanRecord) -> str:
    done, total = len(plan.in_state(StepState.DONE)), len(plan.steps)
    count = f"{done} of {total} steps done"
    match plan.state:
        case PlanState.DONE:
            return f"plan {plan.number}: done, {number_of(total, 'step')}."
        case PlanState.STOPPED:
            by = f" by {plan.stopped_by}" if plan.stopped_by else ""
            return f"plan {plan.number}: stopped{by}, {count}."
        case PlanState.CUT_OFF:
            return f"plan {plan.number}: cut off when its server ended, {count}. Nothing resumes it."
        case _:
            return f"plan {plan.number}: failed, {count}."


def _done(plan: PlanRecord) -> list[str]:
    """The steps that were done: the first of them, and all commands, since their output is told nowhere else."""
    done = plan.in_state(StepState.DONE)
    told = [step for place, step in enumerate(done) if place < _MOST_TOLD or step.command]
    lines: list[str] = []
    for step in told:
        said, *output = (step.said or "done").splitlines()
        lines += [f"{_name(step)}: {said}{_change(step)}", *(f"   {line}" for line in output)]
    if len(done) > len(told):
        lines.append(f"and done as well: {ranges([step.number for step in done if step not in told])}.")
    return lines


def _what_next(plan: PlanRecord, wording: Wording) -> list[str]:
    begun = plan.in_state(StepState.DONE, StepState.FAILED, StepState.UNKNOWN)
    changed = [step for step in begun if not step.command]  # What a command did can't be undone.
    lines = []
    if plan.in_state(StepState.FAILED):
        lines.append("To go on: correct the cause, and make a plan of the steps that are left.")
    elif plan.in_state(StepState.WAITING):
        lines.append("To go on: make a plan of the steps that are left.")
    if changed:
        lines.append(wording.go_back.format(number=plan.number))
    return lines


def _change(step: StepRecord) -> str:
    return f" (change {step.change})" if step.change is not None else ""


def _name(step: StepRecord) -> str:
    command = f" ({one_line(step.command, _LONGEST_COMMAND)})" if step.command else ""
    return f"{step.number}. {step.method} {one_line(step.path, _LONGEST_PATH)}{command}"


def _indented(text: str) -> Sequence[str]:
    return [f"   {line}" for line in text.splitlines()]
