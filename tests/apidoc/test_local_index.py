"""The best index that needs no network: the cached one, else a bundled one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from apidoc_documents import document, method, node
from proxmox_mcp.apidoc import EndpointIndex, parse_apidoc
from proxmox_mcp.apidoc.local_index import find_local_index
from proxmox_mcp.apidoc.store import IndexStore

if TYPE_CHECKING:
    from pathlib import Path


def index_of(version: str) -> EndpointIndex:
    return parse_apidoc(document(node("/a", GET=method("list"))), version=version)


@pytest.fixture
def store(tmp_path: Path) -> IndexStore:
    return IndexStore(tmp_path / "cache")


def test_the_local_index_is_the_cached_index_of_the_version(store: IndexStore) -> None:
    store.save(index_of("9.1.9"))

    found = find_local_index("9.1.9", store)

    assert (found.kind, found.index.version, found.cache_problem) == ("cache", "9.1.9", "")


def test_the_local_index_is_otherwise_the_nearest_bundled_index(store: IndexStore) -> None:
    store.save(index_of("9.1.9"))

    assert find_local_index("8.3.1", store).index.version == "8.4.5"
    assert find_local_index("8.3.1", store).kind == "bundled"
    assert find_local_index().index.version == "9.2"


def test_a_cache_that_can_not_be_used_is_said_and_gone_without(store: IndexStore) -> None:
    store.directory.mkdir()
    store.directory.chmod(0o777)

    found = find_local_index("9.1.9", store)

    assert found.kind == "bundled"
    assert found.index.version == "9.1.3"
    assert "written by others" in found.cache_problem
