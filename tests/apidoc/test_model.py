"""Endpoints and their schemas, as read from the dump."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from apidoc_documents import endpoint
from proxmox_mcp.apidoc import Endpoint, EndpointIndex, EndpointPermissions, Schema, load_index, parse_apidoc
from proxmox_mcp.errors import ApidocFormatError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@pytest.fixture(scope="module")
def published(shared_data: Path) -> EndpointIndex:
    return parse_apidoc((shared_data / "apidoc" / "pve-9.2-head.js").read_bytes())


def parameter(**raw: Any) -> Schema:
    return endpoint(parameters={"properties": {"it": raw}}).parameters["it"]


def endpoint_at(index: EndpointIndex, method: str, path: str) -> Endpoint:
    found = index.get(method, path)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("raw", "field", "value"),
    [
        ({"type": "integer", "minimum": "0"}, "minimum", 0),
        ({"type": "integer", "maximum": "16777216"}, "maximum", 16777216),
        ({"type": "number", "minimum": 0.5}, "minimum", 0.5),
        ({"type": "string", "minLength": "2"}, "min_length", 2),
        ({"type": "string", "enum": ["a", 1, 2.5]}, "enum", ("a", "1", "2.5")),
        ({"type": "string", "enum": None}, "enum", ()),
        ({"type": "string", "optional": "1"}, "optional", True),
        ({"type": "string", "optional": 0}, "optional", False),
        ({"type": "boolean", "default": "1"}, "default", 1),
        ({"type": "string", "default": "1"}, "default", "1"),
        ({"type": "string", "default": None}, "default", None),
        ({"type": "string", "pattern": "a|b"}, "pattern", "a|b"),
        ({"type": "string", "format": "pve-node-list"}, "format", "pve-node-list"),
        ({"type": "string", "requires": "other"}, "requires", "other"),
        ({"format": "pve-vmid"}, "type", "any"),
        ({"properties": {}}, "type", "object"),
        ({"type": "integer", "renderer": "bytes"}, "renderer", "bytes"),
        ({"type": "string", "type-property": "protocol", "instance-types": ["ospf"]}, "instance_types", ("ospf",)),
    ],
)
def test_a_parameter_says_what_the_dump_says(raw: dict[str, Any], field: str, value: object) -> None:
    assert getattr(parameter(**raw), field) == value


def test_lists_and_property_strings_hold_schemas() -> None:
    listed = parameter(
        type="array", items={"type": "string", "format": {"model": {"default_key": 1, "type": "string"}}}
    )

    assert listed.items == Schema(type="string", format={"model": Schema(type="string", default_key=True)})


def test_keys_of_property_strings_may_be_aliases() -> None:
    keys = parameter(type="string", format={"virtio": {"alias": "macaddr", "keyAlias": "model"}}).format

    assert keys == {"virtio": Schema(type="any", alias="macaddr", key_alias="model")}


def test_other_properties_may_have_a_schema_of_their_own() -> None:
    described = endpoint(returns={"type": "object", "additionalProperties": {"type": "integer"}}).returns

    assert described.additional_properties == Schema(type="integer")


def test_nothing_of_an_endpoint_can_be_changed() -> None:
    made: Any = endpoint(parameters={"properties": {"it": {"type": "string"}}})

    with pytest.raises(AttributeError):
        made.path = "/other"
    with pytest.raises(AttributeError):
        made.parameters["it"].optional = True
    with pytest.raises(TypeError):
        made.parameters["more"] = Schema()


def test_who_may_call_is_a_nested_expression() -> None:
    check = [
        "and",
        ["perm", "/vms/{vmid}", ["VM.Clone"]],
        ["perm", "/pool/{pool}", ["VM.Allocate"], "require_param", "pool"],
    ]

    made = endpoint(permissions={"check": check, "description": "Words.", "user": "all"})

    assert made.permissions == EndpointPermissions(
        user="all",
        check=(
            "and",
            ("perm", "/vms/{vmid}", ("VM.Clone",)),
            ("perm", "/pool/{pool}", ("VM.Allocate",), "require_param", "pool"),
        ),
        description="Words.",
    )


@pytest.mark.parametrize(
    ("info", "attribute", "value"),
    [
        ({}, "allow_token", True),
        ({"allowtoken": 0}, "allow_token", False),
        ({"protected": 1}, "protected", True),
        ({"protected": 0}, "protected", False),
        ({"proxyto": "node"}, "proxy_to", "node"),
        ({"proxyto": None}, "proxy_to", ""),
        ({"download_allowed": 1}, "download_allowed", True),
        ({"description": "It does."}, "description", "It does."),
        ({}, "permissions", EndpointPermissions()),
        ({"parameters": {"additionalProperties": 0}}, "open", False),
        ({"parameters": {"additionalProperties": 1}}, "open", True),
        ({"parameters": {}}, "open", True),
        ({"parameters": {"properties": {"tmpfilename": {"type": "string"}}}}, "upload", True),
    ],
)
def test_an_endpoint_says_what_the_dump_says(info: dict[str, Any], attribute: str, value: object) -> None:
    assert getattr(endpoint(**info), attribute) == value


def test_the_parameters_of_a_path_are_named_in_its_order() -> None:
    assert endpoint("/nodes/{node}/qemu/{vmid}").path_parameters == ("node", "vmid")


ALTERNATIVES: Mapping[str, Any] = {
    "allOf": [
        {"additionalProperties": 0, "properties": {"rule": {"type": "string"}}},
        {
            "type-property": "type",
            "type-property-schema": {"type": "string", "enum": ["near", "far"]},
            "oneOf": [
                {
                    "additionalProperties": 0,
                    "instance-type": "near",
                    "properties": {
                        "nodes": {"type": "string"},
                        "note": {"type": "string"},
                        "size": {"type": "integer"},
                    },
                },
                {
                    "additionalProperties": 0,
                    "instance-type": "far",
                    "properties": {"note": {"type": "string"}, "size": {"type": "string", "optional": 1}},
                },
            ],
        },
    ]
}


def test_alternatives_are_flattened_into_one_list_of_parameters() -> None:
    made = endpoint(parameters=ALTERNATIVES)

    assert list(made.parameters) == ["rule", "type", "nodes", "note", "size"]
    assert not made.parameters["rule"].optional
    assert made.parameters["type"].enum == ("near", "far")


def test_a_parameter_of_some_alternatives_is_optional_and_says_of_which() -> None:
    nodes = endpoint(parameters=ALTERNATIVES).parameters["nodes"]

    assert nodes.optional
    assert (nodes.type_property, nodes.instance_types) == ("type", ("near",))


def test_a_parameter_of_all_alternatives_is_required_where_all_of_them_require_it() -> None:
    made = endpoint(parameters=ALTERNATIVES)

    assert not made.parameters["note"].optional
    assert made.parameters["note"].instance_types == ("near", "far")
    assert made.parameters["size"].optional
    assert [each.type for each in made.parameters["size"].one_of] == ["integer", "string"]


def test_an_object_of_closed_parts_is_closed() -> None:
    assert not endpoint(parameters=ALTERNATIVES).open


def test_facts_that_were_damaged_are_an_error_of_ours() -> None:
    damaged = Endpoint("GET", "/it", "it", b'{"parameters":{"unheard":1}}')

    with pytest.raises(ApidocFormatError, match="GET /it"):
        _ = damaged.parameters


def test_the_rules_of_ha_show_their_alternatives(published: EndpointIndex) -> None:
    rule = endpoint_at(published, "POST", "/cluster/ha/rules")

    assert not rule.open
    assert rule.parameters["type"].enum == ("node-affinity", "resource-affinity")
    assert rule.parameters["affinity"].instance_types == ("resource-affinity",)
    assert not rule.parameters["resources"].optional


def test_nineteen_endpoints_take_parameters_that_they_do_not_name() -> None:
    open_ones = {(each.method, each.path) for each in load_index("9.1").endpoints if each.open}

    assert len(open_ones) == 19
    assert {("GET", "/access/ticket"), ("GET", "/nodes/{node}/qemu/{vmid}/agent")} < open_ones
    assert sum(path.startswith("/cluster/sdn/fabrics") for _, path in open_ones) == 13


def test_what_json_can_not_carry_is_known() -> None:
    endpoints = load_index("9.1").endpoints

    assert [each.path for each in endpoints if each.upload] == ["/nodes/{node}/storage/{storage}/upload"]
    assert [each.path for each in endpoints if each.download] == [
        "/nodes/{node}/storage/{storage}/file-restore/download"
    ]
    assert sum(each.websocket for each in endpoints) == 5
