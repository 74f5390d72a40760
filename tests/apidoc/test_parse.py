"""Reading ``apidoc.js``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apidoc_documents import VIEWER, document, method, node
from proxmox_mcp.apidoc import parse_apidoc
from proxmox_mcp.errors import ApidocError, ApidocFormatError

if TYPE_CHECKING:
    from pathlib import Path

SMALL = document(
    node("/nodes", node("/nodes/{node}", GET=method("index"), PUT=method("set")), GET=method("list")),
    node("/access", GET=method("access")),
)

EDITIONS = {
    "pve-6.4-15.js": 504,
    "pve-7.4-16.js": 540,
    "pve-8.4.5.js": 605,
    "pve-9.1.3.js": 649,
    "pve-9.2-head.js": 661,
}


@pytest.mark.parametrize("edition", EDITIONS)
def test_every_published_edition_is_read_whole(shared_data: Path, edition: str) -> None:
    index = parse_apidoc((shared_data / "apidoc" / edition).read_bytes())

    assert len(index.endpoints) == EDITIONS[edition]
    assert all(set(each.path_parameters) <= each.parameters.keys() for each in index.endpoints)


@pytest.mark.parametrize(
    "prologue",
    ["const apiSchema = ", "var pveapi = ", "let x=\n", "\ufeffconst a = ", "// made\n/* by [us] */ const a = ", ""],
)
def test_the_array_is_found_behind_any_prologue(prologue: str) -> None:
    assert [each.path for each in parse_apidoc(document(node("/a", GET=method()), prologue=prologue)).endpoints] == [
        "/a"
    ]


@pytest.mark.parametrize("epilogue", ["", ";", VIEWER, "\n]]}}"])
def test_what_follows_the_array_is_not_looked_at(epilogue: str) -> None:
    assert len(parse_apidoc(document(node("/a", GET=method()), epilogue=epilogue)).endpoints) == 1


def test_endpoints_come_by_path_and_then_method() -> None:
    found = [(each.method, each.path) for each in parse_apidoc(SMALL).endpoints]

    assert found == [("GET", "/access"), ("GET", "/nodes"), ("GET", "/nodes/{node}"), ("PUT", "/nodes/{node}")]


def test_an_index_knows_the_digest_of_its_document_and_the_version_it_is_told() -> None:
    origin = parse_apidoc(SMALL, version="9.1.3").origin

    assert origin.version == "9.1.3"
    assert len(origin.digest) == 64
    assert origin.prose


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "empty"),
        (b" \n\t", "empty"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"<!DOCTYPE html><html><body>Login</body></html>", "web page"),
        (b"\n  <html></html>", "web page"),
        (b'{"data": null}', "does not start"),
        (b"function f() { return [1] }", "does not start"),
        (b"const apiSchema = []", "no endpoint"),
        (b"const apiSchema = [NaN]", "NaN"),
        (b"const apiSchema = [1, 2]", "structure of an apidoc"),
        (b"const apiSchema = [[]]", "structure of an apidoc"),
        (b'const apiSchema = [{"path": 7}]', "structure of an apidoc"),
        (b'const apiSchema = [{"path": "nodes"}]', "structure of an apidoc"),
        (b'const apiSchema = [{"path": "/a", "info": {"GET": 1}}]', "structure of an apidoc"),
        (b'const apiSchema = [{"path": "/a", "children": 5}]', "structure of an apidoc"),
        (
            document(node("/a", GET=method(parameters={"properties": {"x": {"minimum": "low"}}}))),
            "structure of an apidoc",
        ),
        (document(node("/a", GET=method(permissions={"check": "perm"}))), "structure of an apidoc"),
        (document(node("/a", GET=method()), node("/a", GET=method())), "twice"),
        (b"const apiSchema = " + b"[" * 100_000, "may be truncated"),
        (SMALL[: len(SMALL) // 3], "may be truncated"),
    ],
)
def test_what_is_no_apidoc_is_refused_with_its_fault(content: bytes, fault: str) -> None:
    with pytest.raises(ApidocFormatError, match=fault) as refused:
        parse_apidoc(content)

    assert refused.value.advice


def test_every_cut_before_the_end_of_the_array_is_noticed() -> None:
    end = SMALL.rindex(b"]", 0, SMALL.index(b";\n\nvar viewer"))

    for cut in range(end + 1):
        with pytest.raises(ApidocFormatError):
            parse_apidoc(SMALL[:cut])


@given(st.binary())
def test_random_bytes_are_refused_and_nothing_worse(content: bytes) -> None:
    with pytest.raises(ApidocError):
        parse_apidoc(content)


texts = st.sampled_from(["", "string", "0", "1e999", "nan", "a\nb", '"', "\\", "\ud800", "\u2028", "{x}", "ü"])
json_values = st.recursive(
    st.sampled_from([None, True, False, 0, 1, -1, 10**400, 0.5, 1e308]) | texts,
    lambda each: st.lists(each, max_size=3) | st.dictionaries(texts, each, max_size=3),
    max_leaves=6,
)
schema_keys = st.sampled_from(
    [
        *("type", "enum", "minimum", "maxLength", "pattern", "format", "items", "properties", "default", "optional"),
        *("additionalProperties", "oneOf", "allOf", "instance-types", "instance-type", "type-property-schema"),
    ]
)


@given(info=st.dictionaries(st.sampled_from(list(method(permissions={}, proxyto=""))), json_values, max_size=6))
def test_a_method_of_any_shape_is_read_or_refused(info: dict[str, Any]) -> None:
    _read_or_refused(document(node("/a", GET=info)))


@given(
    properties=st.dictionaries(
        texts, st.dictionaries(schema_keys, json_values | st.dictionaries(schema_keys, json_values)), max_size=3
    )
)
def test_a_parameter_of_any_shape_is_read_or_refused(properties: dict[str, Any]) -> None:
    _read_or_refused(document(node("/a", GET=method(parameters={"properties": properties}))))


def _read_or_refused(content: bytes) -> None:
    """What parsing takes can be read to the last field; what it doesn't, it refuses as it should."""
    try:
        index = parse_apidoc(content)
    except ApidocError:
        return
    for each in index.endpoints:
        assert each.parameters is each.parameters
        assert json.loads(each.facts)["path"] == each.path


def test_a_method_that_is_not_of_http_as_proxmox_has_it_is_left_out() -> None:
    found = parse_apidoc(document(node("/a", GET=method(), PATCH=method())))

    assert [each.method for each in found.endpoints] == ["GET"]
