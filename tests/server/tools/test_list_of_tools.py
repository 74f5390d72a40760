"""What every client pays for and every model reads first: the list of tools."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mcp_types as types
import pytest

from cl100k import count_tokens
from goldens import hold
from proxmox_mcp.instructions import instructions
from proxmox_mcp.render.filters import parse_filter
from proxmox_mcp.server.tools import ToolParameter, select_tools

if TYPE_CHECKING:
    from collections.abc import Sequence

GOLDEN = Path(__file__).parent / "golden" / "tools.json"
CEILING = 850
"""Tokens of the whole answer as it goes over the wire; to be raised only for good reason, never to 1,000."""
NAMED_BY_OTHERS = frozenset({"dry_run", "confirm", "on_error", "raw"})
"""Parameters that need no description: those of the plan tool that ``proxmox_api_call`` describes, one that says it
itself, and that of the lists which ``proxmox_api_get`` describes."""

FORBIDDEN = {"anyOf", "oneOf", "allOf", "$ref", "$defs", "additionalProperties", "default", "title", "nullable"}
SIMPLE = {"string", "integer", "boolean", "object", "array"}


def listed(*, writes: bool = True, clusters: Sequence[str] = (), guest_commands: bool = False) -> list[dict[str, Any]]:
    """The tools as they go over the wire."""
    chosen = select_tools(writes=writes, clusters=clusters, guest_commands=guest_commands).values()
    answer = types.ListToolsResult(tools=[tool.listed() for tool in chosen])
    tools: list[dict[str, Any]] = answer.model_dump(mode="json", by_alias=True, exclude_none=True)["tools"]
    return tools


@pytest.mark.parametrize(
    ("name", "writes", "clusters"),
    [
        ("tools", True, ()),
        ("tools-with-guest-commands", True, ()),
        ("tools-read-only", False, ()),
        ("tools-two-clusters", True, ("lab", "office")),
    ],
)
def test_the_list_of_tools_is_as_agreed(name: str, writes: bool, clusters: Sequence[str]) -> None:
    found = listed(writes=writes, clusters=clusters, guest_commands="guest" in name)
    hold(GOLDEN.with_name(f"{name}.json"), json.dumps(found, indent=1))


def test_the_list_of_tools_costs_less_than_a_thousand_tokens() -> None:
    assert count_tokens(json.dumps({"tools": listed()}, separators=(",", ":"))) <= CEILING < 1000
    on_the_wire = json.dumps({"tools": listed(clusters=("lab", "office", "colocation"))}, separators=(",", ":"))
    assert count_tokens(on_the_wire) < 1000


def test_the_tool_for_commands_in_guests_comes_last_and_only_for_who_may_write() -> None:
    tools = listed(guest_commands=True)
    assert [tool["name"] for tool in tools[:-1]] == [tool["name"] for tool in listed()]
    differing = [tool["name"] for tool in tools[:-1] if tool not in listed()]
    assert differing == ["proxmox_api_plan"]
    assert tools[-1]["name"] == "guest_exec"
    assert tools[-1]["annotations"] == {"readOnlyHint": False, "destructiveHint": True}
    assert listed(writes=False, guest_commands=True) == listed(writes=False)


@pytest.mark.parametrize(("guest_commands", "ceiling"), [(False, 1050), (True, 1200)])
def test_all_that_a_model_reads_first_stays_within_its_tokens(*, guest_commands: bool, ceiling: int) -> None:
    """The answer of ``tools/list`` as it goes over the wire, and the instructions."""
    tools = listed(guest_commands=guest_commands)
    on_the_wire = json.dumps({"tools": tools}, separators=(",", ":"))
    assert count_tokens(on_the_wire) + count_tokens(instructions([tool["name"] for tool in tools])) <= ceiling


@pytest.mark.parametrize(("writes", "ceiling"), [(False, 170), (True, 200)])
def test_the_instructions_are_short(*, writes: bool, ceiling: int) -> None:
    assert count_tokens(instructions(select_tools(writes=writes))) <= ceiling


@pytest.mark.parametrize("writes", [True, False])
def test_the_instructions_name_no_tool_that_is_not_listed(*, writes: bool) -> None:
    shown = select_tools(writes=writes)
    said = instructions(shown)
    named = set(re.findall(r"\b(?:proxmox_api_\w+|get_\w+|list_\w+|\w+_exec|search_api)\b", said))
    assert "search_api" in named
    assert named <= set(shown)


def test_several_writes_are_one_plan_where_there_is_that_tool() -> None:
    assert "several writes: one proxmox_api_plan" in instructions(select_tools(writes=True))
    assert "plan" not in instructions(select_tools(writes=False))


def test_the_instructions_show_filters_that_can_be_read() -> None:
    examples = re.search(r"filter and fields pick: (.*) \(is set\)", instructions(select_tools(writes=True)))
    assert examples is not None
    for example in examples[1].split(", "):
        assert parse_filter(example)


def _keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*map(_keys, value.values()))
    if isinstance(value, list):
        return set().union(*map(_keys, value))
    return set()


@pytest.mark.parametrize("clusters", [(), ("lab", "office")])
def test_schemas_are_in_the_subset_that_every_client_takes(clusters: Sequence[str]) -> None:
    for tool in listed(clusters=clusters, guest_commands=True):
        assert tool["description"]
        schema = tool["inputSchema"]
        assert not _keys(schema) & FORBIDDEN
        assert schema["type"] == "object"
        assert set(schema) <= {"type", "properties", "required"}
        assert set(schema.get("required", ())) <= set(schema["properties"])
        for name, parameter in schema["properties"].items():
            assert parameter["type"] in SIMPLE, name
            assert parameter.get("description") or "items" in parameter or name in NAMED_BY_OTHERS, name
            assert set(parameter) <= {"type", "description", "enum", "items"}, name
            assert ("items" in parameter) == (parameter["type"] == "array"), name
            members = parameter.get("items", {}).get("properties", {})
            assert parameter.get("items", {}).get("type", "string") == ("object" if members else "string"), name
            for member in members.values():
                assert member["type"] in SIMPLE, name
                listing = {"items"} if member["type"] == "array" else set()
                assert set(member) == {"type", *listing}, name
            assert all(isinstance(value, str) for value in parameter.get("enum", ())), name


def test_names_fit_the_63_characters_that_a_client_leaves_for_them() -> None:
    assert all(len(f"mcp_proxmox_{tool['name']}") <= 63 for tool in listed())


def test_reading_tools_say_so_and_the_writing_ones_say_the_opposite() -> None:
    hints = {tool["name"]: tool["annotations"] for tool in listed()}
    for name in ("proxmox_api_call", "proxmox_api_plan"):
        assert hints.pop(name) == {"readOnlyHint": False, "destructiveHint": True}
    assert all(each == {"readOnlyHint": True} for each in hints.values())


def test_in_read_only_mode_there_is_no_writing_tool() -> None:
    assert [tool["name"] for tool in listed()] == [
        "search_api",
        "proxmox_api_get",
        "proxmox_api_call",
        "proxmox_api_plan",
        "list_nodes",
        "get_cluster_resources",
    ]
    assert not {"proxmox_api_call", "proxmox_api_plan"} & {tool["name"] for tool in listed(writes=False)}


def test_a_cluster_can_be_named_where_there_are_several_and_only_there() -> None:
    assert all("cluster" not in tool["inputSchema"]["properties"] for tool in listed(clusters=("lab",)))
    for tool in listed(clusters=("lab", "office")):
        cluster = tool["inputSchema"]["properties"]["cluster"]
        assert cluster["enum"] == ["lab", "office"]
        assert "cluster" not in tool["inputSchema"].get("required", ())


def test_a_parameter_is_written_with_what_it_has_and_no_more() -> None:
    assert ToolParameter("string", "a method", enum=("GET",)).schema() == {
        "type": "string",
        "description": "a method",
        "enum": ["GET"],
    }
    assert ToolParameter("integer", "rows").schema() == {"type": "integer", "description": "rows"}
