from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patience import processor_seconds
from proxmox_mcp.apidoc.nearest import edits, nearest

NAMES = ["memory", "cores", "sockets", "onboot", "ostype", "cpu", "net", "name", "description", "boot", "bootdisk"]


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("memroy", "memory"), ("Memory", "memory"), ("core", "cores"), ("on_boot", "onboot"), ("desc", "description")],
)
def test_a_slip_of_the_pen_leads_to_the_name(wrong: str, right: str) -> None:
    assert nearest(wrong, NAMES)[0] == right


@pytest.mark.parametrize("wrong", ["xyzzy", "", "q", "é" * 100_000])
def test_nothing_is_near_to_what_is_no_name(wrong: str) -> None:
    assert nearest(wrong, NAMES) == []


def test_many_names_take_little_time() -> None:
    names = [f"parameter-{number}-of-many" for number in range(600)]
    assert processor_seconds(lambda: nearest("paramater-17-of-many", names)) < 0.5


def test_edits_count_swaps_of_neighbours_once() -> None:
    assert edits("storgae", "storage", 2) == 1
    assert edits("restrat", "restart", 2) == 1


def test_edits_stop_counting_past_the_limit() -> None:
    assert edits("abc", "wxyz", 1) == 2


@given(st.text("abcd", max_size=7), st.text("abcd", max_size=7))
def test_edits_agree_with_the_definition(one: str, other: str) -> None:
    assert edits(one, other, 20) == _distance(one, other)
    assert edits(one, other, 2) == min(3, _distance(one, other))


def _distance(one: str, other: str) -> int:
    """The optimal string alignment distance, by its definition."""
    table = [[i + j if i * j == 0 else 0 for j in range(len(other) + 1)] for i in range(len(one) + 1)]
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            changed = one[i - 1] != other[j - 1]
            table[i][j] = min(table[i - 1][j] + 1, table[i][j - 1] + 1, table[i - 1][j - 1] + changed)
            if i > 1 and j > 1 and one[i - 1] == other[j - 2] and one[i - 2] == other[j - 1]:
                table[i][j] = min(table[i][j], table[i - 2][j - 2] + 1)
    return table[-1][-1]
