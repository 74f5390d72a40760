"""How modes are compared, and what clusters a caller may use."""

from __future__ import annotations

import itertools
import operator
from typing import TYPE_CHECKING, Any

import pytest

from proxmox_mcp.policy.caller import Caller, Mode

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("compare", [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne])
def test_modes_are_compared_by_rank_with_every_operator(compare: Callable[[Any, Any], bool]) -> None:
    members = list(Mode)
    for (i, one), (j, other) in itertools.product(enumerate(members), repeat=2):
        expected = compare(i, j)
        assert compare(one, other) is expected, (one, other)
        assert compare(one, str(other.value)) is expected, (one, other)
        assert compare(str(one.value), other) is expected, (one, other)
        assert (min(one, other), max(one, other)) == (members[min(i, j)], members[max(i, j)])


@pytest.mark.parametrize("compare", [operator.lt, operator.le, operator.gt, operator.ge])
def test_a_mode_is_compared_with_no_other_word(compare: Callable[[Any, Any], bool]) -> None:
    for mode in Mode:
        with pytest.raises(KeyError):
            compare(mode, "anything")


def test_a_caller_without_clusters_may_use_each_and_one_with_clusters_no_other() -> None:
    assert Caller(name="ops").may_use("lab")
    some = Caller(name="ops", clusters=frozenset({"lab", "office"}))
    assert [name for name in ("lab", "office", "prod", "") if some.may_use(name)] == ["lab", "office"]
