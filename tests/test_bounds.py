"""How large values are, measured against the plain recursive way."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from proxmox_mcp.bounds import depth_is_beyond

LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)


def levels(value: Any) -> int:
    """Containers within each other, the outermost included."""
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if members is None else 1 + max(map(levels, members), default=0)


@given(VALUES, st.integers(min_value=0, max_value=5))
def test_a_value_is_too_deep_exactly_when_more_containers_are_within_the_outermost(value: Any, most: int) -> None:
    assert depth_is_beyond(value, most) == (levels(value) - 1 > most)


def test_one_deep_member_among_many_flat_ones_is_found() -> None:
    deep: Any = "bottom"
    for _ in range(65):
        deep = [deep]
    flat = [{"vmid": number, "name": "web"} for number in range(1_000)]
    assert not depth_is_beyond(flat, 1)
    assert depth_is_beyond([*flat, {"vmid": 1, "more": deep}, *flat], 64)
