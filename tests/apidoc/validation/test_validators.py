"""The rules for the text of a value: what each takes, and what it says of the rest."""

from __future__ import annotations

import pytest

from proxmox_mcp.apidoc import Schema
from proxmox_mcp.apidoc.formats import find_format
from proxmox_mcp.apidoc.validation.faults import Fault
from proxmox_mcp.apidoc.validation.validators import (
    Validator,
    bounds_validator,
    enum_validator,
    first_fault,
    length_validator,
    named_validator,
    pattern_validator,
    type_validator,
)


def said(validate: Validator | None, text: str) -> str:
    """The kind of the fault and its message; empty without a fault."""
    assert validate is not None
    fault = validate(text)
    return f"{fault.kind}: {fault.message}" if fault else ""


@pytest.mark.parametrize(
    ("kind", "taken", "refused"),
    [
        ("boolean", ["0", "1"], ["", "yes", "true", "01", "1\n"]),
        ("integer", ["0", "+4", "-4", "007", "4\n"], ["", "4.0", "1e3", "0x10", " 4", "4\n\n"]),
        ("number", ["4", "-.5", "4.", "4.25", "1e3", "+1E-3"], ["", ".", "1e", "inf", "nan", "1,5"]),
    ],
)
def test_a_type_takes_what_perl_reads_as_one(kind: str, taken: list[str], refused: list[str]) -> None:
    validate = type_validator(Schema(type=kind), repr)
    assert [text for text in taken if said(validate, text)] == []
    for text in refused:
        assert said(validate, text).startswith(f"type: {text!r} is not a"), text


@pytest.mark.parametrize("kind", ["string", "array", "object", "any", "null"])
def test_another_type_takes_any_text(kind: str) -> None:
    assert type_validator(Schema(type=kind), repr) is None


@pytest.mark.parametrize(
    ("schema", "inside", "outside", "wanted"),
    [
        (Schema(type="integer", minimum=1, maximum=128), ["1", "128"], ["0", "129"], "1 to 128"),
        (Schema(type="integer", minimum=16), ["16", "99999999999999999999"], ["15", "-1"], "at least 16"),
        (Schema(type="number", maximum=0.5), ["0.5", "-1e9"], ["0.51", "1e0"], "at most 0.5"),
    ],
)
def test_a_number_out_of_its_range_is_told_the_range(
    schema: Schema, inside: list[str], outside: list[str], wanted: str
) -> None:
    validate = type_validator(schema, repr)
    assert [text for text in inside if said(validate, text)] == []
    assert {said(validate, text) for text in outside} == {
        f"bound: {text!r} is out of range: {wanted}" for text in outside
    }
    assert said(validate, "x").startswith("type: "), "what is no number is not compared"


def test_the_range_of_a_text_counts_where_the_text_is_a_number() -> None:
    validate = bounds_validator(Schema(minimum=5, maximum=10), repr)
    assert said(validate, "11") == "bound: '11' is out of range: 5 to 10"
    assert said(validate, "7") == said(validate, "eleven") == ""
    assert bounds_validator(Schema(), repr) is None
    assert bounds_validator(Schema(type="integer", minimum=5), repr) is None, "its type checks it"


@pytest.mark.parametrize(
    ("bounds", "text", "message"),
    [
        ((2, 4), "a", "length: has 1 characters; at least 2 are allowed"),
        ((2, 4), "abcde", "length: has 5 characters; at most 4 are allowed"),
        ((2, 4), "ab", ""),
        ((None, 4), "", ""),
        ((2, None), "a" * 1000, ""),
        ((0, 0), "", ""),
    ],
)
def test_a_length_is_counted_in_characters(bounds: tuple[int | None, int | None], text: str, message: str) -> None:
    assert said(length_validator(*bounds), text) == message


def test_without_a_length_none_is_checked() -> None:
    assert length_validator(None, None) is None


def test_a_pattern_holds_for_the_whole_text() -> None:
    validate = pattern_validator(r"(?^:\d+)", repr)
    assert said(validate, "12") == ""
    for text in ("1x", "x1", ""):
        assert said(validate, text) == f"pattern: {text!r} does not match the pattern"
    assert pattern_validator(None, repr) is pattern_validator("", repr) is None


def test_an_enumeration_takes_its_members_as_they_are_written() -> None:
    validate = enum_validator(("raw", "qcow2"), repr)
    assert said(validate, "raw") == ""
    assert said(validate, "RAW") == "enum: 'RAW' is not an allowed value"
    assert enum_validator((), repr) is None


def test_a_list_with_a_wrong_member_names_that_member() -> None:
    validate = named_validator("pve-vmid-list", find_format("pve-vmid-list"), repr)
    assert said(validate, "100,101") == ""
    assert said(validate, "100,7,8") == "format: '7' in the list does not have the format pve-vmid"
    assert said(validate, "7") == "format: '7' does not have the format pve-vmid-list"


def test_a_format_that_nobody_knows_is_not_checked() -> None:
    assert named_validator("pve-of-tomorrow", find_format("pve-of-tomorrow"), repr) is None


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5])
def test_of_several_rules_the_first_that_is_broken_is_told(count: int) -> None:
    def breaks_from(length: int) -> Validator:
        return lambda text: Fault("rule", str(length)) if len(text) >= length else None

    validate = first_fault(tuple(breaks_from(length) for length in range(count, 0, -1)))
    if not count:
        assert validate is None
        return
    assert said(validate, "") == ""
    for length in range(1, count + 1):
        assert said(validate, "x" * length) == f"rule: {length}"
