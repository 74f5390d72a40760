"""Prompts: what a person chooses from, and what the model then reads."""

from __future__ import annotations

import re

import mcp_types as types
import pytest
from mcp.shared.exceptions import MCPError

from proxmox_mcp.server import prompts

NAMES = [prompt.name for prompt in prompts.PROMPTS]


@pytest.mark.parametrize("prompt", prompts.listed(), ids=NAMES)
def test_a_prompt_is_listed_with_a_title_and_a_description(prompt: types.Prompt) -> None:
    assert prompt.title
    assert prompt.description
    assert prompt.description != prompt.title


@pytest.mark.parametrize("prompt", prompts.PROMPTS, ids=NAMES)
def test_every_argument_is_used_and_nothing_is_left_in_braces(prompt: prompts.Prompt) -> None:
    given = {name: f"<{name}>" for name in prompt.arguments}
    content = prompts.get(prompt.name, given).messages[0].content
    assert isinstance(content, types.TextContent)
    assert all(value in content.text for value in given.values())
    assert not re.search(r"\{[a-z]+\}", content.text)


def test_a_prompt_without_its_argument_says_what_is_missing() -> None:
    with pytest.raises(MCPError, match="Missing: storage"):
        prompts.get("make_room", {})


def test_an_unknown_prompt_is_refused_by_name() -> None:
    with pytest.raises(MCPError, match="There is no prompt make_rom"):
        prompts.get("make_rom", {})
