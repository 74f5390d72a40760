from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxmox_mcp.errors import UnknownArgumentError
from proxmox_mcp.server.tools import TOOLS, read
from proxmox_mcp.server.tools.guest_exec import TOOL as EXEC

if TYPE_CHECKING:
    from proxmox_mcp.server.tools import Tool


def tool(name: str) -> Tool:
    return next(each for each in TOOLS if each.name == name)


CALL, GET, SEARCH = tool("proxmox_api_call"), tool("proxmox_api_get"), tool("search_api")
PLAN = tool("proxmox_api_plan")
LEAST = {"path": "/nodes", "method": "GET"}


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ({"data": '{"cores": 4}'}, {"data": {"cores": 4}}),
        ({"data": ""}, {"data": {}}),
        ({"data": {"cores": "4"}}, {"data": {"cores": "4"}}),
        ({"wait": "30"}, {"wait": 30}),
        ({"wait": 30.0}, {"wait": 30}),
        ({"wait": 0}, {"wait": 0}),
        ({"dry_run": "true"}, {"dry_run": True}),
        ({"dry_run": 1}, {"dry_run": True}),
        ({"dry_run": "False"}, {"dry_run": False}),
        ({"confirm": 17}, {"confirm": "17"}),
        ({"method": "delete"}, {"method": "delete"}),
        ({"wait_for_previous": True}, {}),
        ({"wait": None, "data": None}, {}),
    ],
)
def test_what_can_mean_only_one_thing_is_taken(given: dict[str, Any], taken: dict[str, Any]) -> None:
    assert read(CALL, LEAST | given) == LEAST | taken


def test_a_list_of_names_is_the_text_with_commas() -> None:
    assert read(GET, {"path": "/nodes", "fields": ["node", "cpu"]})["fields"] == "node,cpu"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"data": "cores=4"}, 'data: must be an object, such as {"cores": 4}.'),
        ({"data": [1]}, "data: must be an object"),
        ({"data": "[" * 100_000}, "data: must be an object"),
        ({"wait": "soon"}, "wait: must be a whole number."),
        ({"wait": 1.5}, "wait: must be a whole number."),
        ({"wait": True}, "wait: must be a whole number."),
        ({"wait": "inf"}, "wait: must be a whole number."),
        ({"wait": "nan"}, "wait: must be a whole number."),
        ({"dry_run": "perhaps"}, "dry_run: must be true or false."),
        ({"dry_run": 2}, "dry_run: must be true or false."),
        ({"path": {"a": 1}}, "path: must be a text."),
        ({"method": "PATCH"}, "method: `PATCH` is not one of: GET, POST, PUT, DELETE."),
        ({"dryrun": True}, "dryrun: unknown argument. Did you mean `dry_run`?"),
        ({"node": "pve1"}, "node: unknown argument. Allowed: path, method, data, wait, dry_run, confirm."),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UnknownArgumentError) as caught:
        read(CALL, LEAST | given)
    assert said in caught.value.message
    assert caught.value.advice == "Nothing was sent."


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(UnknownArgumentError) as caught:
        read(CALL, {"methd": "GET", "wait": "x"})
    assert caught.value.message.count("\n") == 3
    assert "path: missing" in caught.value.message


def test_an_argument_of_the_call_itself_is_sent_to_data() -> None:
    with pytest.raises(UnknownArgumentError, match="Parameters of the API call go into `data`"):
        read(CALL, LEAST | {"newid": 200})
    with pytest.raises(UnknownArgumentError) as caught:
        read(SEARCH, {"query": "x", "newid": 200})
    assert "data" not in caught.value.message


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(arguments=st.dictionaries(st.sampled_from([*CALL.parameters, "other"]), _JSON))
def test_anything_that_json_holds_is_read_or_refused_and_never_breaks(arguments: dict[str, Any]) -> None:
    try:
        taken = read(CALL, arguments)
    except UnknownArgumentError:
        return
    assert set(taken) <= set(CALL.parameters)
    assert isinstance(taken.get("data", {}), dict)
    assert isinstance(taken.get("wait", 0), int)
    json.dumps(taken, default=str)


NESTED: dict[str, Any] = {}
for _ in range(500):
    NESTED = {"a": NESTED}


@pytest.mark.parametrize(
    ("taken", "said"),
    [
        ({"path": "/" + "a" * 5_000}, "path: is longer than 4,096 characters"),
        ({"path": ["a"] * 5_000}, "path: must be a text"),
        ({"path": 10**5_000}, "path: is too large a number"),
        ({"path": "/", "confirm": "9" * 5_000}, "confirm: is longer than 2,000 characters"),
        ({"path": "/", "data": NESTED}, "data: is nested deeper than 32 levels"),
        ({"path": "/", "data": '{"a":' * 500 + "1" + "}" * 500}, "data: is nested deeper than 32 levels"),
        ({"path": "/", "data": {str(number): 1 for number in range(20_000)}}, "data: has more than 10,000 members"),
        ({"path": "/", "data": {"a": [1] * 20_000}}, "data: has more than 10,000 members"),
        ({"path": "/", "data": {"a": "x" * 600_000}}, "data: is longer than 524,288 characters"),
        ({"path": "/", "data": {"x" * 600_000: 1}}, "data: is longer than 524,288 characters"),
        ({"path": "/", "data": " " * 600_000}, "data: is longer than 524,288 characters"),
        ({"path": "/", "wait": 10**400}, "wait: must be a whole number"),
        ({"path": "/", "wait": 1e300}, "wait: is too large a number"),
        ({"path": "/", "wait": "9" * 5_000}, "wait: must be a whole number"),
        ({f"a{number}": 1 for number in range(500)}, "500 arguments are too many"),
        ({"path": "/", "x" * 100_000: 1}, "unknown argument"),
    ],
)
def test_what_is_too_long_too_deep_or_too_many_is_refused_before_anything_reads_it(
    taken: dict[str, Any], said: str
) -> None:
    with pytest.raises(UnknownArgumentError) as refused:
        read(CALL, taken)
    assert said in str(refused.value)
    assert len(str(refused.value)) < 1_000


STEP = {"path": "/pools", "method": "POST"}


@pytest.mark.parametrize(
    ("steps", "taken"),
    [
        ([STEP], [STEP]),
        (STEP, [STEP]),
        (json.dumps(STEP), [STEP]),
        (json.dumps([STEP, STEP]), [STEP, STEP]),
        ([{**STEP, "data": '{"poolid": "x"}'}], [{**STEP, "data": {"poolid": "x"}}]),
        ([{**STEP, "data": {"poolid": "x"}}], [{**STEP, "data": {"poolid": "x"}}]),
        ([{**STEP, "data": ""}], [{**STEP, "data": ""}]),
    ],
)
def test_steps_are_a_list_of_objects_also_as_json_or_one_alone(steps: Any, taken: list[dict[str, Any]]) -> None:
    assert read(PLAN, {"steps": steps})["steps"] == taken


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ("POST /pools", "must be a list of objects."),
        ("[" * 100_000, "must be a list of objects."),
        ("x" * 10_000_000, "is longer than 524,288 characters."),
        ([STEP, "POST /pools"], "must be a list of objects."),
        (5, "must be a list of objects."),
        ([{**STEP, "data": "poolid=x"}], "must be an object"),
        ([{**STEP, "data": [1]}], "must be an object"),
        ([{}] * 10_001, "has more than 10,000 members."),
    ],
)
def test_steps_that_are_no_list_of_objects_are_refused_by_name(steps: Any, said: str) -> None:
    with pytest.raises(UnknownArgumentError) as caught:
        read(PLAN, {"steps": steps})
    assert f"steps: {said}" in caught.value.message


@pytest.mark.parametrize(
    ("command", "taken"),
    [
        (["df", "-h"], ["df", "-h"]),
        ("df -h | sort", ["df -h | sort"]),
        ('["df", "-h"]', ["df", "-h"]),
        ("[ -e /etc ] && echo yes", ["[ -e /etc ] && echo yes"]),
        ('"text"', ['"text"']),
    ],
)
def test_a_command_is_a_list_of_texts_also_as_json_or_one_text(command: Any, taken: list[str]) -> None:
    assert read(EXEC, {"guest": "web", "command": command})["command"] == taken


@pytest.mark.parametrize("command", [5, ["df", 5], '["df", 5]', {"df": "-h"}, ["x"] * 1_000_000, ["x" * 10_000_000]])
def test_a_command_that_is_no_list_of_texts_is_refused_by_name(command: Any) -> None:
    with pytest.raises(UnknownArgumentError, match="command: "):
        read(EXEC, {"guest": "web", "command": command})
