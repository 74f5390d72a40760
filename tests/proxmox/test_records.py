"""Fields of Proxmox's records, in whichever type JSON gives them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxmox_mcp.proxmox.records import flag, number, records, text

anything = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5) | st.lists(st.none())


def test_only_the_objects_of_a_list_are_records() -> None:
    assert records([{"a": 1}, None, "x", [{}], {}]) == [{"a": 1}, {}]
    for other in (None, {"a": 1}, "x", 5):
        assert records(other) == []


@pytest.mark.parametrize(
    ("value", "as_text"), [("web", "web"), (100, "100"), (0, "0"), ("", ""), (None, ""), ({"a": 1}, ""), ([1], "")]
)
def test_a_field_as_text(value: Any, as_text: str) -> None:
    assert text({"x": value}, "x") == as_text
    assert text({}, "x") == ""


@pytest.mark.parametrize(
    ("value", "as_number"),
    [
        (5, 5.0), ("5", 5.0), (" 2.5 ", 2.5), (0, 0.0), (True, None), ("", None), ("five", None), (None, None),
        ([5], None), ("inf", None), ("nan", None), (float("inf"), None),
    ],
)  # fmt: skip
def test_a_field_as_a_number(value: Any, as_number: float | None) -> None:
    assert number({"x": value}, "x") == as_number
    assert number({}, "x") is None


@pytest.mark.parametrize("value", [1, "1", True, "true", "True"])
def test_proxmox_says_yes(value: Any) -> None:
    assert flag({"x": value}, "x")


@pytest.mark.parametrize("value", [0, "0", False, "", "yes", 2, []])
def test_anything_else_is_no(value: Any) -> None:
    assert not flag({"x": value}, "x", default=True)


def test_what_is_missing_is_as_the_caller_says() -> None:
    assert flag({}, "x", default=True)
    assert flag({"x": None}, "x", default=True)
    assert not flag({}, "x")


@given(anything)
def test_no_value_is_an_error(value: Any) -> None:
    record = {"x": value}
    assert isinstance(text(record, "x"), str)
    assert isinstance(number(record, "x"), float | None)
    assert isinstance(flag(record, "x"), bool)
