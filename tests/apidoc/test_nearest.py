from __future__ import annotations

import time

import pytest

from proxmox_mcp.apidoc.nearest import nearest

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
    start = time.perf_counter()
    nearest("paramater-17-of-many", names)
    assert time.perf_counter() - start < 0.05
