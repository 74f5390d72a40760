"""Lists of names in fewer characters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxmox_mcp.apidoc.reference.folding import beginnings, fold_names


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["mp0", "mp1", "mp2", "rootfs"], ["mp[0-2]", "rootfs"]),
        (["mp0", "mp2"], ["mp0", "mp2"]),
        (["EPYC", "EPYC-Milan", "EPYC-Rome"], ["EPYC{,-Milan,-Rome}"]),
        (["a-b", "a-c"], ["a-b", "a-c"]),
        (["iops", "iops_max", "iops_rd", "iops_rd_max"], ["iops{,_max,_rd{,_max}}"]),
    ],
)
def test_lists_of_names_are_folded(names: list[str], text: list[str]) -> None:
    assert fold_names(names) == text


@given(st.lists(st.from_regex(r"[a-c]{1,2}([-_][a-b]{1,2}){0,2}[0-9]?", fullmatch=True), unique=True, max_size=12))
def test_folding_leaves_no_name_out(names: list[str]) -> None:
    assert sorted(name for text in fold_names(names) for name in _unfolded(text)) == sorted(names)


def _unfolded(text: str) -> list[str]:
    """The names that a folded text stands for."""
    if text.endswith("]"):
        base, _, numbers = text[:-1].rpartition("[")
        first, last = numbers.split("-")
        return [each + str(n) for each in _unfolded(base) for n in range(int(first), int(last) + 1)]
    if not text.endswith("}"):
        return [text]
    head, _, inner = text[:-1].partition("{")
    parts, depth = [""], 0
    for letter in inner:
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return [head + name for part in parts for name in _unfolded(part)]


def test_names_can_be_told_by_their_beginnings() -> None:
    assert beginnings(["host", "EPYC-Milan", "EPYC-Rome"]) == ["host", "EPYC*"]
