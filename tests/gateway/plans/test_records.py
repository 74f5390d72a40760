"""Plans as they are kept, on SQLite and on PostgreSQL: each is begun once, and one that was cut off says so."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from proxmox_mcp.confirm.confirmations import LIFETIME_SECONDS
from proxmox_mcp.errors import ConfirmationError, TargetError
from proxmox_mcp.gateway.plans.records import PlanRecords, PlanState, StatedPlan, StepState

if TYPE_CHECKING:
    from collections.abc import Callable

    from clock import Clock
    from proxmox_mcp.store import Store

PLAN = StatedPlan(
    caller="ops",
    client="test 1",
    cluster="default",
    summary="2 steps on 1 object: 2 changed.",
    statement="Plan: 2 steps",
    binding="b1",
    on_error="stop",
    undo_of="",
    given={"steps": [], "filter": "", "on_error": "stop", "undo_of": ""},
    identifiers=("109", "backup-1"),
    steps=[
        {"method": "PUT", "path": f"/nodes/pve1/qemu/{vmid}/config", "template": "", "data": {"cores": "4"}}
        for vmid in (100, 101)
    ],
)


@pytest.fixture
def records(store: Store, clock: Clock) -> PlanRecords:
    return PlanRecords(store, keep_days=90, clock=clock)


def states(records: PlanRecords, number: int) -> list[str]:
    return [str(step.state) for step in records.get(number, "ops").steps]


def test_a_stated_plan_is_kept_whole(records: PlanRecords) -> None:
    number = records.state(PLAN)
    plan = records.get(number, "ops")
    assert (plan.state, plan.summary, plan.given) == (PlanState.STATED, PLAN.summary, PLAN.given)
    assert [step.name for step in plan.steps] == [
        "PUT /nodes/pve1/qemu/100/config",
        "PUT /nodes/pve1/qemu/101/config",
    ]
    assert not plan.runs


def test_the_same_plan_stated_again_is_the_same_plan(records: PlanRecords) -> None:
    number = records.state(PLAN)
    assert records.find_stated("ops", "b1") == (number, ("109", "backup-1"))
    assert records.state(replace(PLAN, summary="again"), number) == number
    assert records.get(number, "ops").summary == "again"
    assert len(records.get(number, "ops").steps) == 2


def test_a_stated_plan_is_not_found_by_others_nor_after_its_time(records: PlanRecords, clock: Clock) -> None:
    records.state(PLAN)
    assert records.find_stated("dev", "b1") is None
    assert records.find_stated("ops", "b2") is None
    clock.now += LIFETIME_SECONDS + 1
    assert records.find_stated("ops", "b1") is None


def test_a_plan_is_told_to_its_caller_only(records: PlanRecords) -> None:
    number = records.state(PLAN)
    for caller, asked in (("dev", number), ("ops", number + 1)):
        with pytest.raises(TargetError, match=f"You have no plan {asked}"):
            records.get(asked, caller)


def test_of_many_who_begin_a_plan_at_once_one_does(open_store: Callable[[], Store], clock: Clock) -> None:
    handles = [PlanRecords(open_store(), keep_days=90, clock=clock) for _ in range(8)]
    number = handles[0].state(PLAN)

    def begin(records: PlanRecords) -> bool:
        try:
            records.begin(number, "token")
        except ConfirmationError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(begin, handles)) == 1
    with pytest.raises(ConfirmationError, match="begun already"):
        handles[1].state(PLAN, number)


def test_a_step_that_runs_when_its_plan_ends_is_of_unknown_outcome(records: PlanRecords) -> None:
    number = records.state(PLAN)
    records.begin(number, "person")
    records.step(number, 1, StepState.DONE, "Task ended: OK", 41)
    records.step(number, 2, StepState.RUNNING)
    assert records.get(number, "ops").runs
    records.end(number, PlanState.CUT_OFF)
    plan = records.get(number, "ops")
    assert states(records, number) == ["done", "unknown"]
    assert (plan.state, plan.steps[0].said, plan.steps[0].change) == (PlanState.CUT_OFF, "Task ended: OK", 41)


def test_a_stop_is_heard_by_whoever_carries_the_plan_out(open_store: Callable[[], Store], clock: Clock) -> None:
    here, there = (PlanRecords(open_store(), keep_days=90, clock=clock) for _ in range(2))
    number = here.state(PLAN)
    here.begin(number, "")
    assert here.beat(number) == ""
    assert there.request_stop(number, "lena")
    assert here.beat(number) == "lena"
    assert there.get(number, "ops").stop_requested


def test_only_a_plan_that_runs_is_asked_to_stop(records: PlanRecords) -> None:
    stated, ended = records.state(PLAN), records.state(PLAN)
    records.begin(ended, "")
    records.end(ended, PlanState.DONE)
    for number in (stated, ended, 9999):
        assert not records.request_stop(number, "lena")
    assert not records.get(stated, "ops").stop_requested


def begun_by(records: PlanRecords, owner: str) -> int:
    """A plan that another process began."""
    number = records.state(PLAN)
    own, records.owner = records.owner, owner
    records.begin(number, "")
    records.step(number, 1, StepState.RUNNING)
    records.owner = own
    return number


def test_a_plan_whose_process_has_ended_on_this_machine_is_cut_off_at_once(records: PlanRecords) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    host = records.owner.split(":")[0]
    for gone in (f"{host}:{ended.pid}:x", f"{host}:{os.getpid()}:an-earlier-process-with-our-number"):
        number = begun_by(records, gone)
        assert not records.request_stop(number, "lena"), "nobody would hear of it"
        assert records.get(number, "ops").state is PlanState.CUT_OFF
        assert states(records, number) == ["unknown", "waiting"]


@pytest.mark.parametrize("owner", ["elsewhere:7:x", "{host}:{parent}:x"], ids=["another machine", "alive"])
def test_a_plan_of_a_process_that_may_live_is_cut_off_when_nothing_is_heard_of_it(
    owner: str, records: PlanRecords, clock: Clock
) -> None:
    host = records.owner.split(":")[0]
    number = begun_by(records, owner.format(host=host, parent=os.getppid()))
    assert records.get(number, "ops").runs
    clock.now += 15
    records.beat(number)
    clock.now += 15
    assert records.get(number, "ops").runs
    clock.now += 25
    assert records.get(number, "ops").state is PlanState.CUT_OFF


def test_old_plans_are_forgotten_and_such_as_were_never_confirmed_after_a_day(
    records: PlanRecords, clock: Clock
) -> None:
    never, done = records.state(PLAN), records.state(PLAN)
    records.begin(done, "")
    records.end(done, PlanState.DONE)
    clock.now += 2 * 86_400
    records.state(PLAN)
    assert records.get(done, "ops").state is PlanState.DONE
    with pytest.raises(TargetError):
        records.get(never, "ops")
    clock.now += 90 * 86_400
    records.state(PLAN)
    with pytest.raises(TargetError):
        records.get(done, "ops")
