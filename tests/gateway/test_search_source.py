"""The search of a schema: built once, kept for the next start, and built at every start where it can't be kept."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from apidoc_documents import document, method, node
from proxmox_mcp.apidoc.build import build
from proxmox_mcp.apidoc.store import IndexStore
from proxmox_mcp.gateway.search_source import SearchSource
from proxmox_mcp.search import Searcher

if TYPE_CHECKING:
    from pathlib import Path

    from proxmox_mcp.apidoc import EndpointIndex


def index_of(path: str, version: str = "9.2.1") -> EndpointIndex:
    return build(document(node(path, GET=method("list"))), version)[0]


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Every search that was made; whether from what an earlier start has kept."""
    made: list[bool] = []

    def watched(index: EndpointIndex, **given: Any) -> Searcher:
        searcher = Searcher(index, **given)
        made.append(searcher.was_stored)
        return searcher

    monkeypatch.setattr("proxmox_mcp.search.Searcher", watched)
    return made


def test_of_many_that_want_the_search_of_one_schema_one_builds_it(builds: list[bool]) -> None:
    source, index = SearchSource(None), index_of("/nodes")
    assert source.loaded(index) is None
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(source.load, [index] * 16))
    assert len(found) == len(builds) == 1
    assert source.loaded(index) is found.pop()


def test_the_search_of_another_schema_takes_the_place_of_the_first(builds: list[bool]) -> None:
    source, first, second = SearchSource(None), index_of("/nodes"), index_of("/pools")
    assert source.load(first).index is first
    assert source.load(second).index is second
    assert source.loaded(first) is None
    assert len(builds) == 2


def test_what_one_start_has_built_the_next_one_reads(tmp_path: Path, builds: list[bool]) -> None:
    index = index_of("/nodes")
    for kept in (False, True):
        source = SearchSource(IndexStore(tmp_path / "schema"))
        assert source.is_kept(index) is kept
        source.load(index)
    assert not source.is_kept(index_of("/pools"))
    assert not source.is_kept(index_of("/nodes", "9.2.2"))
    assert builds == [False, True]


def test_where_nothing_can_be_kept_each_start_builds_it_and_the_log_says_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "schema").write_text("a file where the cache should be")
    index = index_of("/nodes")
    for _ in range(2):
        source = SearchSource(IndexStore(tmp_path / "schema"))
        assert not source.is_kept(index)
        with caplog.at_level(logging.INFO, "proxmox_mcp.schema"):
            assert source.load(index).index is index
    assert caplog.text.count("the search is not cached, and built at every start") == 2


def test_without_a_cache_nothing_is_kept() -> None:
    assert not SearchSource(None).is_kept(index_of("/nodes"))


def test_a_kept_search_is_read_once_to_see_whether_it_is_there_and_to_build_from_it(
    tmp_path: Path, builds: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    index, kept = index_of("/nodes"), IndexStore.kept
    SearchSource(IndexStore(tmp_path)).load(index)
    read: list[str] = []

    def watched(store: IndexStore, name: str) -> bytes:
        read.append(name)
        return kept(store, name)

    monkeypatch.setattr(IndexStore, "kept", watched)
    source = SearchSource(IndexStore(tmp_path))
    assert source.is_kept(index)
    source.load(index)
    assert source.is_kept(index)
    assert builds == [False, True]
    assert len(read) == 1
