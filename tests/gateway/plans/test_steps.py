"""The steps of a plan as a caller gives them: read, or refused with the faults of all of them."""

from __future__ import annotations

from typing import Any

import pytest

from proxmox_mcp.errors import DeniedError, InvalidCallError, TargetError
from proxmox_mcp.gateway.plans.steps import PlanStep, StepFault, read_steps, refuse

STOP = {"path": "/nodes/pve1/qemu/100/status/stop", "method": "POST"}


def test_steps_are_read_in_order_whatever_the_case_of_the_method() -> None:
    given: list[dict[str, Any]] = [STOP, {"path": "/nodes/pve1/qemu/100", "method": "delete", "data": {"purge": 1}}]
    assert read_steps(given, 100) == (
        PlanStep(method="POST", path="/nodes/pve1/qemu/100/status/stop"),
        PlanStep(method="DELETE", path="/nodes/pve1/qemu/100", data={"purge": 1}),
    )


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ({"path": "/version", "method": "GET"}, "Read with proxmox_api_get"),
        ({"path": "/version", "method": "PATCH"}, "method: must be one of POST, PUT, DELETE"),
        ({"path": "/version"}, "method: must be one of"),
        ({"method": "PUT"}, "path: must be a path"),
        ({"path": 5, "method": "PUT"}, "path: must be a path"),
        ({"path": "/" + "x" * 5000, "method": "PUT"}, "at most 4,096 characters"),
        ({**STOP, "data": [1]}, "data: must be an object"),
        ({**STOP, "dat": {}}, "Did you mean `data`?"),
        ({**STOP, "timeout": 5}, "Parameters of the API call go into `data`"),
    ],
)
def test_a_wrong_step_is_refused_with_what_is_allowed(step: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidCallError) as refused:
        read_steps([STOP, step], 100)
    assert told in refused.value.message
    assert "- step 2: " in refused.value.message
    assert refused.value.advice.startswith("Nothing was sent.")


def test_the_faults_of_all_steps_are_told_at_once() -> None:
    with pytest.raises(InvalidCallError) as refused:
        read_steps([{"path": "/a", "method": "GET"}, STOP, {"method": "LOOK"}], 100)
    assert "2 of 3 steps have faults" in refused.value.message
    assert refused.value.message.count("\n- step 3: ") == 2


@pytest.mark.parametrize("count", [0, 5])
def test_a_plan_without_steps_or_with_too_many_is_refused(count: int) -> None:
    with pytest.raises(InvalidCallError, match="empty" if not count else "5 are too many"):
        read_steps([STOP] * count, 4)


def test_of_faults_of_one_kind_an_error_of_that_kind_is_made() -> None:
    denied = [StepFault(1, DeniedError("no")), StepFault(2, DeniedError("no, either"))]
    with pytest.raises(DeniedError, match="no, either"):
        refuse(denied, 2)
    with pytest.raises(InvalidCallError, match="There is no guest"):
        refuse([*denied, StepFault(3, TargetError("There is no guest x."))], 3)


def test_the_same_fault_of_many_places_is_told_once() -> None:
    with pytest.raises(InvalidCallError) as refused:
        refuse([StepFault(1, InvalidCallError("memory: too small."))] * 40, 1)
    assert refused.value.message.count("memory") == 1
