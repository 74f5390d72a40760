from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxmox_mcp.apidoc import Schema
from proxmox_mcp.apidoc.reference.parameters import brief, folded, plain, property_string, shared_shapes, together


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        (Schema(type="boolean", default=1), "bool=1"),
        (Schema(type="integer", minimum=0, maximum=128), "int 0..128"),
        (Schema(type="integer", minimum=100, maximum=999999999), "int 100..999999999"),
        (Schema(type="number", minimum=0.5), "number 0.5.."),
        (Schema(enum=("raw", "qcow2"), default="raw"), "raw|qcow2=raw"),
        (Schema(format="pve-storage-id"), "<storage-id>"),
        (Schema(pattern=r"(?^:\d+)", max_length=8), r"/\d+/ ..8 chars"),
        (Schema(type="array", items=Schema(type="integer")), "array of int"),
        (Schema(type="boolean", requires="delete"), "bool (with delete)"),
        (Schema(instance_types=("nfs", "cifs")), "text (nfs, cifs)"),
        (
            Schema(one_of=(Schema(instance_types=("a",)), Schema(type="integer", instance_types=("b",)))),
            "text (a) (a) or int (b) (b)",
        ),
    ],
)
def test_a_schema_is_spelled_in_few_characters(schema: Schema, text: str) -> None:
    assert plain(schema) == text


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        (Schema(type="boolean", default=1), "bool"),
        (Schema(type="integer", minimum=1, maximum=65536), "int 1..65536"),
        (Schema(type="integer", minimum=0), "int"),
        (Schema(type="string", max_length=255), ""),
        (Schema(format="pve-storage-id", max_length=64), "<storage-id>"),
        (Schema(pattern=r"(?^:\d+[MG]?)"), r"/\d+[MG]?/"),
        (Schema(pattern=r"(?^:[A-Za-z][A-Za-z0-9\-\_]+[A-Za-z0-9])"), ""),
        (Schema(type="array", items=Schema(type="integer")), "list of int"),
        (Schema(type="array"), "list"),
        (Schema(enum=("raw", "qcow2")), "raw|qcow2"),
        (Schema(one_of=(Schema(enum=("a", "b"), instance_types=("a",)), Schema(type="integer"))), "a|b"),
    ],
)
def test_a_brief_type_has_what_a_simple_call_needs(schema: Schema, text: str) -> None:
    assert brief(schema) == text


def test_a_brief_enumeration_is_cut_and_begins_with_what_was_asked_for() -> None:
    many = Schema(enum=tuple(f"{chr(97 + number)}-value" for number in range(20)))
    assert brief(many).startswith("a-value|b-value|")
    assert brief(many).endswith("|…")
    assert brief(many, asked=("t-value",)).startswith("t-value|a-value|")


def test_brief_keys_are_the_default_one_and_the_required_ones_or_as_many_as_fit() -> None:
    size, node = Schema(type="integer", default_key=True), Schema(optional=True)
    assert brief(Schema(), {"size": size, "node": node}) == "{[size=]int, …}"
    assert brief(Schema(), {"host": Schema(), "port": node}) == "{host*, port}"
    assert brief(Schema(), {f"a-long-key-{number}": node for number in range(20)}).endswith(", …}")


@given(st.lists(st.text(min_size=1, max_size=90), min_size=1, max_size=40, unique=True))
def test_a_brief_type_has_an_end(values: list[str]) -> None:
    assert len(brief(Schema(enum=tuple(values)))) <= 60 + 90 + 10


def test_the_bounds_of_an_index_are_told_where_known() -> None:
    assert folded("net[n]") == "net[0-31]"
    assert folded("other[n]") == "other[n]"
    assert folded("name") == "name"


def test_a_property_string_tells_its_keys_by_type() -> None:
    keys = {
        "file": Schema(format="pve-volume-id", default_key=True),
        "volume": Schema(alias="file"),
        "ro": Schema(type="boolean", optional=True),
        "ssd": Schema(type="boolean", optional=True),
        "size": Schema(type="integer"),
    }
    assert property_string(keys) == "{[file=]<volume-id>*; ro, ssd bool; size* int; aliases volume=file}"


def test_what_property_strings_share_is_said_once() -> None:
    common = {
        name: Schema(type=kind) for name, kind in (("a", "string"), ("b", "integer"), ("c", "boolean"), ("d", "number"))
    }
    found = {"ide[n]": common, "sata[n]": {**common, "e": Schema(optional=True)}, "name": {"x": Schema()}}
    shapes = shared_shapes(found)
    assert {name: shape.name for name, shape in shapes.items()} in ({"sata[n]": "ide"}, {"ide[n]": "sata"})
    assert property_string(found["sata[n]"], shapes["sata[n]"]) == "{@ide; e text}"


def test_names_of_one_type_share_a_line() -> None:
    assert together([("a", "bool"), ("b", "int"), ("c", "bool")]) == ["a, c: bool", "b: int"]
