"""Prompts: what a person chooses from, and what the model then reads."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import mcp_types as types
import pytest
from mcp.shared.exceptions import MCPError

from proxmox_mcp.gateway.plans import read_steps
from proxmox_mcp.server import prompts
from proxmox_mcp.server.guest_prompts import IN_GUESTS

if TYPE_CHECKING:
    from proxmox_mcp.server.prompt import Prompt

NAMES = [prompt.name for prompt in prompts.PROMPTS]


@pytest.mark.parametrize("prompt", prompts.listed(), ids=NAMES)
def test_a_prompt_is_listed_with_a_title_and_a_description(prompt: types.Prompt) -> None:
    assert prompt.title
    assert prompt.description
    assert prompt.description != prompt.title


@pytest.mark.parametrize("prompt", prompts.PROMPTS, ids=NAMES)
def test_every_argument_is_used_and_nothing_is_left_in_braces(prompt: Prompt) -> None:
    given = {name: f"<{name}>" for name in prompt.arguments}
    content = prompts.get(prompt.name, given).messages[0].content
    assert isinstance(content, types.TextContent)
    assert all(value in content.text for value in given.values())
    assert not re.search(r"\{[a-z]+\}", content.text)


@pytest.mark.parametrize("prompt", IN_GUESTS, ids=[prompt.name for prompt in IN_GUESTS])
def test_a_recipe_for_guests_ends_with_a_plan_that_can_be_proposed_as_it_stands(prompt: Prompt) -> None:
    hostile = 'web"}], "x'
    given = {"guest": "web-01", **({"service": hostile} if "service" in prompt.arguments else {})}
    content = prompts.get(prompt.name, given).messages[0].content
    assert isinstance(content, types.TextContent)
    said, _, plan = content.text.rpartition("\n\n")
    assert "`web-01`" in said
    assert "proxmox_api_plan" in said
    steps = read_steps(json.loads(plan)["steps"], 20)
    assert {step.path for step in steps} <= {"nodes/*/guests/web-01", "nodes/*/guests/web-01/snapshot"}
    assert len([step for step in steps if step.work]) >= 3
    words = [word for step in steps if step.work for word in step.work.command.argv]
    assert (hostile in words) == ("service" in prompt.arguments)


def test_a_prompt_without_its_argument_says_what_is_missing() -> None:
    with pytest.raises(MCPError, match="Missing: storage"):
        prompts.get("make_room", {})


def test_an_unknown_prompt_is_refused_by_name() -> None:
    with pytest.raises(MCPError, match="There is no prompt make_rom"):
        prompts.get("make_rom", {})
