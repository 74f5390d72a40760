from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from openapi_spec_validator import validate

from proxmox_mcp.apidoc import EndpointIndex, bundled_versions, load_index
from proxmox_mcp.apidoc.openapi import openapi

if TYPE_CHECKING:
    from collections.abc import Iterator


_NAMES = frozenset({"properties", "patternProperties", "paths", "dependentRequired"})
"""Keys below which the keys are names."""


@cache
def document(version: str) -> dict[str, Any]:
    return openapi(load_index(version))


def new_in(version: str) -> EndpointIndex:
    """The endpoints that no newer bundled version describes with the same words: the others are judged there."""
    newer = [each for each in bundled_versions() if _parts(each) > _parts(version)]
    known = {endpoint.facts for each in newer for endpoint in load_index(each).endpoints}
    index = load_index(version)
    return EndpointIndex([endpoint for endpoint in index.endpoints if endpoint.facts not in known], index.origin)


def _parts(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def shapes(part: Any, at: str) -> Iterator[tuple[str, frozenset[tuple[str, str]]]]:
    """What a validator tells apart in a part of a document: which keys stand where, with values of which type.

    Names that the document is free to choose are alike, and what lies below an extension is not judged.
    """
    if isinstance(part, list):
        for item in part:
            yield from shapes(item, f"{at}[]")
    if isinstance(part, dict):
        inside = {"*" if at in _NAMES else key: type(value).__name__ for key, value in part.items()}
        yield at, frozenset(inside.items())
        for key, value in part.items():
            if not key.startswith("x-"):
                yield from shapes(value, "*" if at in _NAMES else key)


def of_each_shape() -> Iterator[EndpointIndex]:
    """So many endpoints of each version that no other has anything in it that these don't show."""
    seen: set[tuple[str, frozenset[tuple[str, str]]]] = set()
    for version in sorted(bundled_versions(), key=_parts, reverse=True):
        index, chosen = new_in(version), []
        for endpoint in index.endpoints:
            shown = set(shapes(openapi(EndpointIndex([endpoint], index.origin))["paths"], "paths"))
            chosen += [endpoint] if shown - seen else []
            seen |= shown
        yield EndpointIndex(chosen, index.origin)


@pytest.mark.slow
def test_an_independent_validator_takes_every_shape_of_operation_of_the_bundled_versions() -> None:
    for index in of_each_shape():
        validate(openapi(index))


@pytest.mark.slow
@pytest.mark.parametrize("version", bundled_versions())
def test_an_independent_validator_takes_every_operation_of_every_bundled_version(version: str) -> None:
    validate(openapi(new_in(version)))


@pytest.mark.parametrize("version", bundled_versions())
def test_every_endpoint_is_an_operation_with_a_name_of_its_own(version: str) -> None:
    operations = [operation for methods in document(version)["paths"].values() for operation in methods.values()]
    assert len(operations) == len(load_index(version).endpoints)
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    json.dumps(document(version))


def test_a_call_is_described_with_bounds_formats_answers_and_privileges() -> None:
    clone = document("9.1")["paths"]["/nodes/{node}/qemu/{vmid}/clone"]["post"]
    assert [(each["name"], each["in"]) for each in clone["parameters"]] == [("node", "path"), ("vmid", "path")]
    vmid = clone["parameters"][1]["schema"]
    assert (vmid["type"], vmid["format"], vmid["minimum"], vmid["maximum"]) == ("integer", "pve-vmid", 100, 999999999)
    body = clone["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    assert body["required"] == ["newid"]
    assert body["properties"]["full"] == {"type": "integer", "enum": [0, 1], "x-pve-type": "boolean"}
    assert body["additionalProperties"] is False
    answer = clone["responses"]["200"]["content"]["application/json"]["schema"]
    assert answer["properties"]["data"]["type"] == "string"
    assert clone["x-pve-permissions"]["check"][0] == "and"


def test_indexed_parameters_are_patterns_with_their_bounds() -> None:
    config = document("9.1")["paths"]["/nodes/{node}/qemu/{vmid}/config"]["put"]
    patterns = config["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]["patternProperties"]
    (net,) = (pattern for pattern in patterns if re.search(pattern, "net0"))
    assert re.search(net, "net31")
    assert not any(re.search(pattern, name) for pattern in patterns for name in ("net32", "net00", "xnet0"))
    assert patterns[net]["x-pve-properties"]["model"]["x-pve-default-key"] is True


def test_a_get_takes_its_parameters_in_the_query() -> None:
    resources = document("9.1")["paths"]["/cluster/resources"]["get"]
    assert [(each["name"], each["in"]) for each in resources["parameters"]] == [("type", "query")]
    assert "requestBody" not in resources


def test_perl_patterns_are_written_as_ecma_has_them_or_set_aside() -> None:
    text = json.dumps(document("9.2"))
    assert '"pattern": "^(?^' not in text
    assert not re.search(r'"pattern": "[^"]*\(\?\^', text)
