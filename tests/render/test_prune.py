"""Long values shortened by whole members: still JSON, with counts of what is left out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxmox_mcp.render.cells import compact_json
from proxmox_mcp.render.prune import count_of, prune

values = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text("abc", max_size=4), inner, max_size=6),
)


@given(values)
def test_what_fits_is_left_as_it_is(value: Any) -> None:
    pruned = prune(value, len(compact_json(value)))
    assert (pruned.value, pruned.left_out) == (value, ())


@given(values, st.integers(1, 400))
def test_what_is_shortened_is_json_and_about_as_long_as_asked(value: Any, longest: int) -> None:
    pruned = prune(value, longest)
    text = compact_json(pruned.value)
    assert json.loads(text) is not ...
    assert len(text) <= max(longest + 150, len(compact_json(count_of(value))) + 3)
    assert bool(pruned.left_out) == (len(compact_json(value)) > longest)


def test_small_members_stay_whole_and_the_large_share_the_rest() -> None:
    pruned = prune({"name": "web", "log": "x" * 500, "other": "y" * 500, "size": 4}, 200)
    assert (pruned.value["name"], pruned.value["size"]) == ("web", 4)
    assert pruned.value["log"].startswith("xxx")
    assert pruned.value["other"].startswith("yyy")
    assert set(pruned.left_out) == {"log", "other"}


def test_members_that_are_left_out_are_counted_and_named_by_their_paths() -> None:
    pruned = prune({"a": {f"key{number}": "v" * 60 for number in range(20)}, "b": 1}, 120)
    assert pruned.value["b"] == 1
    assert "more keys: key" in json.dumps(pruned.value["a"], ensure_ascii=False)
    assert all(path.startswith("a.key") for path in pruned.left_out)


def test_of_a_list_the_first_items_stay_and_the_rest_is_counted() -> None:
    pruned = prune(list(range(100, 400)), 100)
    *kept, more = pruned.value
    assert kept == list(range(100, 100 + len(kept)))
    assert more == f"…{300 - len(kept)} more items"
    assert pruned.left_out == ("",)


def test_of_one_item_that_is_too_long_its_beginning_stays() -> None:
    pruned = prune(["x" * 500, "y"], 100)
    assert pruned.value[0].startswith("xxx")
    assert pruned.value[1] == "…1 more items"


@pytest.mark.parametrize(
    ("value", "count"), [({"a": 1}, "1 keys"), ([1, 2], "2 items"), ("abc", "3 characters"), (12345, "5 characters")]
)
def test_the_size_of_a_value_is_told_in_words(value: Any, count: str) -> None:
    assert count_of(value) == count


def test_what_has_no_room_at_all_is_only_counted() -> None:
    assert prune({"a": 1, "b": [1] * 100}, 10).value == "…2 keys"
