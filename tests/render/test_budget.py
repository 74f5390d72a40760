"""The size of a response: tokens and characters, what remains, and what is shared."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxmox_mcp.render.budget import LEAST_TOKENS, MOST_CHARACTERS, Budget
from proxmox_mcp.render.tokens import token_cost


def test_a_budget_is_never_too_small_for_a_heading_and_a_cursor() -> None:
    assert Budget.of(1).tokens == LEAST_TOKENS
    assert Budget.of(LEAST_TOKENS + 1).tokens == LEAST_TOKENS + 1


def test_a_line_of_the_worst_script_takes_no_more_than_a_quarter_of_a_small_budget() -> None:
    small = Budget.of(LEAST_TOKENS)
    assert token_cost("𒀀" * small.line_width) <= small.tokens / 4
    assert Budget.of(100_000).line_width == 400


@given(st.text(max_size=200), st.integers(0, 100), st.integers(0, 200))
def test_a_text_fits_within_both_limits_alone(text: str, tokens: int, characters: int) -> None:
    fits = len(text) <= characters and token_cost(text) <= tokens
    assert Budget(tokens, characters).fits(text) == fits


@given(st.lists(st.text(max_size=30), max_size=20), st.integers(0, 100))
def test_as_many_lines_are_counted_as_fit_together(lines: list[str], tokens: int) -> None:
    budget = Budget(tokens, 200)
    fit = budget.how_many(lines)
    costs = [sum(token_cost(line) + 1 for line in lines[:number]) for number in range(len(lines) + 1)]
    lengths = [sum(len(line) + 1 for line in lines[:number]) for number in range(len(lines) + 1)]
    assert fit == max(n for n in range(len(lines) + 1) if costs[n] <= tokens and lengths[n] <= 200)


def test_no_more_lines_are_read_than_needed() -> None:
    lines = count()
    fit = Budget(20).how_many(f"line {number}" for number in lines)
    assert next(lines) == fit + 1


@pytest.mark.parametrize("text", ["", "a few words", "x" * 50_000])
def test_what_remains_after_a_text_is_never_less_than_nothing(text: str) -> None:
    left = Budget(1000).less(text)
    assert left.tokens == max(0, 1000 - token_cost(text) - 1)
    assert left.characters == max(0, MOST_CHARACTERS - len(text) - 1)


def test_parts_share_a_budget_equally() -> None:
    part = Budget(1000, 3001).share(4)
    assert (part.tokens, part.characters) == (250, 750)
