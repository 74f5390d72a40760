"""The steps of a plan as a caller gives them: read, or refused with the faults of all of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

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


def test_a_command_for_a_guest_is_a_step() -> None:
    given: list[dict[str, Any]] = [
        STOP,
        {"guest": "web-01", "command": ["df", "-h"], "input": "a", "timeout": 600, "wait_for": "ready"},
        {"guest": 105, "command": "df -h | sort"},
    ]
    _, first, second = read_steps(given, 100)
    assert (first.method, first.path) == ("POST", "nodes/*/guests/web-01")
    assert first.work is not None
    assert first.work.command.argv == ("df", "-h")
    assert (first.work.data, first.work.seconds, first.work.wait_until_ready) == (b"a", 600, 600)
    assert second.work is not None
    assert (second.work.command.text, second.work.seconds, second.work.wait_until_ready) == ("df -h | sort", 60, 0)


@given(
    command=st.one_of(
        st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=1, max_size=4),
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    ),
    data=st.text(st.characters(exclude_categories=["Cs"])),
    seconds=st.integers(1, 600),
    ready=st.booleans(),
)
def test_a_step_that_was_kept_is_the_step_that_was_given(
    *, command: list[str] | str, data: str, seconds: int, ready: bool
) -> None:
    step = {
        "guest": "web",
        "command": command,
        "input": data,
        "timeout": seconds,
        **({"wait_for": "ready"} if ready else {}),
    }
    try:
        steps = read_steps([step, STOP], 100)
    except InvalidCallError:
        assume(False)
    kept = json.loads(json.dumps([each.given for each in steps]))
    assert tuple(PlanStep.kept(each) for each in kept) == steps


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ({"command": ["id"]}, "guest: must be the id or name"),
        ({"guest": "a/b", "command": ["id"]}, "guest: must be the id or name"),
        ({"guest": "web?x=1", "command": ["id"]}, "guest: must be the id or name"),
        ({"guest": True, "command": ["id"]}, "guest: must be the id or name"),
        ({"guest": "web"}, "command: must be a list of texts"),
        ({"guest": "web", "command": []}, "command: must be a list of texts"),
        ({"guest": "web", "command": [1]}, "command: must be a list of texts"),
        ({"guest": "web", "command": [" "]}, "The command is empty"),
        ({"guest": "web", "command": ["id"], "timeout": 601}, "at most 600"),
        ({"guest": "web", "command": ["id"], "timeout": "long"}, "timeout: must be a number"),
        ({"guest": "web", "command": ["id"], "wait_for": "boot"}, "wait_for: allowed is ready"),
        ({"guest": "web", "command": ["id"], "input": 5}, "input: must be a text"),
        ({"guest": "web", "command": ["id"], "path": "/version"}, "path: unknown key of a command"),
        ({"guest": "web", "command": ["id"], "timout": 5}, "Did you mean `timeout`?"),
    ],
)
def test_a_wrong_command_is_refused_with_what_is_allowed(step: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidCallError) as refused:
        read_steps([STOP, step], 100)
    assert told in refused.value.message
    assert "- step 2: " in refused.value.message


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
