"""Names of the snapshots that rules have taken: told from those that people give."""

from __future__ import annotations

import pytest

from proxmox_mcp.record.snapshots_first import is_taken_first, new_name


def test_a_new_name_is_known_as_one_and_another_each_time() -> None:
    names = {new_name() for _ in range(20)}
    assert len(names) > 1
    assert all(is_taken_first(name) for name in names)
    assert all(len(name) <= 40 for name in names), "PVE::JSONSchema: pve-snapshot-name takes 40 characters"


@pytest.mark.parametrize(
    "name",
    ["before-upgrade", "mcp-", "mcp-mine", "mcp-20261128-203000", "mcp-20261128-203000-1f3a-2", "", None, 5, ["mcp-x"]],
)
def test_other_names_are_those_of_people(name: object) -> None:
    assert not is_taken_first(name)
