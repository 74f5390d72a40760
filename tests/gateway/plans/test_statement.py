"""The statement of a plan: complete, alike steps together, and bound to each step with what it hits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxmox_mcp.confirm.statement import state
from proxmox_mcp.confirm.subjects import Subject
from proxmox_mcp.gateway.plans.statement import StatedStep, plan_statement, ranges
from proxmox_mcp.record.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox_mcp.gateway.plans.proposal import PlannedStep, Proposal

    Planned = Callable[..., PlannedStep]
    Proposed = Callable[..., Proposal]

CONFIG, STOP = "/nodes/{node}/qemu/{vmid}/config", "/nodes/{node}/qemu/{vmid}/status/stop"
LXC_STOP = "/nodes/{node}/lxc/{vmid}/status/stop"


def vm(vmid: int, name: str = "") -> Subject:
    return Subject(kind="VM", id=str(vmid), identity={"name": name or f"vm-{vmid}"}, state={"status": "running"})


def stated(planned: PlannedStep, *subjects: Subject) -> StatedStep:
    return StatedStep(planned, state(planned.call, subjects, Redactor()))


def test_alike_steps_are_told_together_with_what_each_hits(planned: Planned, proposed: Proposed) -> None:
    steps = [planned(n, "POST", STOP, "pve1", 100 + n, given=1) for n in (1, 2, 3)]
    steps.append(planned(4, "POST", LXC_STOP, "pve2", 104, given=1))
    text = plan_statement(proposed(*steps), [stated(s, vm(100 + s.step.number)) for s in steps], 12).text
    lines = text.splitlines()
    assert lines[0] == "Plan 12: 4 steps on 4 objects: 4 interrupted."
    assert lines[1] == "1-3. 3 calls, each of which:"
    assert lines[2].startswith("   disrupt: ")
    assert lines[3:6] == [
        f"   {n}. POST /nodes/pve1/qemu/{100 + n}/status/stop: hits VM {100 + n} vm-{100 + n}: status running"
        for n in (1, 2, 3)
    ]
    assert lines[6] == "4. POST /nodes/pve2/lxc/104/status/stop"


def test_what_is_sent_is_told_whole_and_kept_redacted(planned: Planned, proposed: Proposed) -> None:
    step = planned(1, "PUT", CONFIG, "pve1", 100, cores=4, cipassword="hunter2-and-more")
    statement = plan_statement(proposed(step), [stated(step, vm(100))])
    assert "   sends cores = " in statement.text
    assert "hunter2" not in statement.redacted


def test_what_a_step_creates_is_named_by_the_step_that_does(planned: Planned, proposed: Proposed) -> None:
    clone = planned(1, "POST", "/nodes/{node}/qemu/{vmid}/clone", "pve1", 100, newid="900", allocated={"newid": "900"})
    config = planned(2, "PUT", CONFIG, "pve1", 900, cores=4)
    nobody = Subject(kind="guest", id="900", state={"state": "no guest of this id is visible"})
    text = plan_statement(proposed(clone, config), [stated(clone, vm(100), nobody), stated(config, nobody)]).text
    assert "hits guest 900, a new one" in text
    assert "hits guest 900, which step 1 creates" in text
    assert "no guest of this id" not in text


def test_it_says_which_steps_can_be_undone(planned: Planned, proposed: Proposed) -> None:
    steps = [planned(1, "POST", STOP, "pve1", 100), planned(2, "DELETE", "/nodes/{node}/qemu/{vmid}", "pve1", 101)]
    text = plan_statement(proposed(*steps), [stated(s, vm(100)) for s in steps]).text
    assert "Can be undone: 1." in text
    assert "Cannot be undone (" in text


def test_it_is_bound_to_each_step_and_to_what_it_hits(planned: Planned, proposed: Proposed) -> None:
    step = planned(1, "POST", STOP, "pve1", 100)
    plan = proposed(step)
    same = plan_statement(plan, [stated(step, vm(100))])
    assert plan_statement(plan, [stated(step, vm(100))], 7).fingerprint() == same.fingerprint()
    assert plan_statement(plan, [stated(step, vm(100, "renamed"))]).fingerprint() != same.fingerprint()
    other = planned(1, "POST", STOP, "pve1", 101)
    assert plan_statement(proposed(other), [stated(other, vm(100))]).fingerprint() != same.fingerprint()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(name=st.text(max_size=60), value=st.text(max_size=60))
def test_no_text_of_others_adds_a_line_or_begins_one(
    name: str, value: str, planned: Planned, proposed: Proposed
) -> None:
    def lines(name: str, value: str) -> list[str]:
        step = planned(1, "PUT", CONFIG, "pve1", 100, description=value)
        return plan_statement(proposed(step), [stated(step, vm(100, name))]).text.splitlines()

    plain = lines("web", "text")
    told = lines(name or "web", value)
    assert [line[:9] for line in told] == [line[:9] for line in plain]


@given(st.sets(st.integers(1, 60), min_size=1))
def test_ranges_name_exactly_the_numbers(numbers: set[int]) -> None:
    written = ranges(sorted(numbers))
    told: set[int] = set()
    for part in written.split(", "):
        first, _, last = part.partition("-")
        told |= set(range(int(first), int(last or first) + 1))
    assert told == numbers
    assert len(written.split(", ")) == sum(number - 1 not in numbers for number in numbers)
