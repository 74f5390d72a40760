"""The index as a whole."""

from __future__ import annotations

import subprocess
import sys
import timeit
from typing import TYPE_CHECKING, Any

from apidoc_documents import document, method, node
from proxmox_mcp.apidoc import Schema, load_index, parse_apidoc

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

INDEX = parse_apidoc(
    document(node("/nodes", node("/nodes/{node}", GET=method("index")), GET=method("list"))), version="9.1.3"
)


def test_an_endpoint_is_got_by_its_template_and_resolved_by_a_path() -> None:
    endpoint = INDEX.get("GET", "/nodes/{node}")

    assert endpoint is not None
    assert INDEX.resolve("GET", "/nodes/pve1/") is endpoint
    assert INDEX.get("GET", "/nodes/pve1") is None
    assert INDEX.resolve("PUT", "/nodes/pve1") is None
    assert INDEX.resolve("GET", "/nodes/pve1/qemu") is None


def test_an_index_shows_what_it_is_of() -> None:
    assert repr(INDEX) == "<EndpointIndex pve 9.1.3, 2 endpoints>"


def test_loading_reads_no_endpoint_before_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    read, schema_of = [], Schema.read

    def noted(facts: Mapping[str, Any]) -> Schema:
        read.append(facts)
        return schema_of(facts)

    monkeypatch.setattr(Schema, "read", noted)
    index = load_index("9.2")
    assert not read

    assert index.endpoints[0].returns
    assert read


def test_a_bundled_version_loads_in_a_moment() -> None:
    assert min(timeit.repeat(lambda: load_index("9.1"), number=1, repeat=3)) < 0.04


def test_the_library_brings_in_nothing_heavy() -> None:
    heavy = "{'requests', 'proxmoxer', 'mcp', 'pydantic', 'diskcache', 'sqlite3', 'ssl', 'asyncio'}"
    code = f"import sys, proxmox_mcp.apidoc; print(sorted({heavy} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)

    assert done.stdout.strip() == "[]"
