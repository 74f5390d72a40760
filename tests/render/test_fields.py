"""Fields of records by name: those of a few, those of very many, and names with dots."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxmox_mcp.render.fields import field_names, fields_in, lookup


class Counted(dict[str, Any]):
    """A record that counts how often it is asked for a field."""

    asked = 0

    def __contains__(self, name: object) -> bool:
        Counted.asked += 1
        return super().__contains__(name)


@pytest.mark.parametrize("own", [1, 3])
def test_records_with_fields_of_their_own_are_not_asked_for_those_of_all_others(own: int) -> None:
    records = [Counted({f"f{number}-{each}": each for each in range(own)}) for number in range(50)]
    names = field_names(records)
    Counted.asked = 0
    assert list(fields_in(records, names)) == [pair for record in records for pair in record.items()]
    assert Counted.asked == 0


@given(
    st.lists(st.dictionaries(st.sampled_from(["a", "b", "c", "a.b"]), st.sampled_from([1, {"b": 2}, None]))),
    st.lists(st.sampled_from(["a", "b", "c", "a.b", "d"]), unique=True),
)
def test_the_fields_in_records_are_those_that_are_looked_up(records: list[dict[str, Any]], names: list[str]) -> None:
    found = [(name, value) for name, value in fields_in(records, names) if value is not None]
    expected = [(n, v) for record in records for n in names if (v := lookup(record, n)) is not None]
    assert sorted(map(repr, found)) == sorted(map(repr, expected))
