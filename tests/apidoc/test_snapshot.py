"""An index as lines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apidoc_documents import document, method, node
from proxmox_mcp.apidoc import bundled_versions, load_index, parse_apidoc
from proxmox_mcp.apidoc.data_files import data_directory
from proxmox_mcp.apidoc.snapshot import read_snapshot, write_snapshot
from proxmox_mcp.errors import ApidocError, ApidocFormatError

if TYPE_CHECKING:
    from pathlib import Path

INDEX = parse_apidoc(
    document(node("/a", GET=method("list"), POST=method("make")), node("/a/{x}", DELETE=method("remove"))),
    version="9.1.3",
)
LINES = write_snapshot(INDEX)

BUNDLED = {"7.4": "pve-7.4-16.js", "8.4": "pve-8.4.5.js", "9.1": "pve-9.1.3.js", "9.2": "pve-9.2-head.js"}


def test_an_index_with_its_prose_comes_back_as_it_was() -> None:
    again = read_snapshot(write_snapshot(INDEX, prose=True))

    assert again.endpoints == INDEX.endpoints
    assert again.origin == INDEX.origin


def test_without_prose_nothing_but_the_prose_is_lost() -> None:
    again = read_snapshot(LINES)

    assert b"sentence" not in LINES
    assert not again.origin.prose
    assert [each.description for each in again.endpoints] == ["", "", ""]
    assert [each.schema for each in again.endpoints] == [each.schema for each in INDEX.endpoints]
    assert write_snapshot(again) == write_snapshot(again, prose=True) == LINES


def test_the_header_says_what_it_is_of() -> None:
    header = json.loads(LINES.splitlines()[0])

    assert header == {
        "product": "pve",
        "version": "9.1.3",
        "digest": INDEX.origin.digest,
        "prose": False,
        "endpoints": 3,
    }


def test_each_line_is_json_of_one_endpoint() -> None:
    assert [json.loads(line)["path"] for line in LINES.splitlines()[1:]] == ["/a", "/a", "/a/{x}"]


@pytest.mark.parametrize(
    ("damaged", "fault"),
    [
        (b"", "valid header"),
        (LINES.replace(b'"product"', b'"brand"', 1), "valid header"),
        (LINES.replace(b'"endpoints":3', b'"endpoints":"x"'), "valid header"),
        (LINES.replace(b'"method":"POST"', b'"method":"POKE"'), "Line 3"),
        (LINES[:-20], "Line 4"),
        (b"\n".join(LINES.split(b"\n")[:-2]), "2 endpoints, but its header says 3"),
        (LINES.replace(b'"type":"null"', b'"type":null,', 1), "GET /a"),
        (LINES.replace(b'"additionalProperties"', b'"unheard"', 1), "GET /a"),
    ],
)
def test_a_damaged_snapshot_is_refused(damaged: bytes, fault: str) -> None:
    with pytest.raises(ApidocFormatError, match=fault):
        read_snapshot(damaged)


@given(st.integers(0, len(LINES) - 1), st.binary(max_size=3))
def test_any_damage_is_refused_or_does_no_harm(position: int, noise: bytes) -> None:
    try:
        again = read_snapshot(LINES[:position] + noise + LINES[position + 1 :])
    except ApidocError:
        return
    assert all(each.parameters is not None for each in again.endpoints)


def test_all_snapshots_are_bundled() -> None:
    assert bundled_versions() == tuple(BUNDLED)


@pytest.mark.parametrize("version", BUNDLED)
def test_a_bundled_snapshot_is_what_its_document_gives(version: str, shared_data: Path) -> None:
    bundled = load_index(version)
    document = (shared_data / "apidoc" / BUNDLED[version]).read_bytes()

    made = write_snapshot(parse_apidoc(document, version=bundled.version))

    assert (data_directory() / f"pve-{version}.jsonl").read_bytes() == made


@pytest.mark.parametrize("version", BUNDLED)
def test_a_bundled_snapshot_holds_no_sentence(version: str) -> None:
    for endpoint in load_index(version).endpoints:
        assert b'"description":"' not in endpoint.facts
        assert not endpoint.description
