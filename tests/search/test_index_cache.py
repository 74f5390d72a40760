from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxmox_mcp.apidoc import load_index
from proxmox_mcp.search import Searcher
from proxmox_mcp.search.counts import Counts
from proxmox_mcp.search.documents import Document
from proxmox_mcp.search.index_cache import Contents, pack, unpack
from proxmox_mcp.search.vocabulary import Vocabulary
from searchers import searcher

if TYPE_CHECKING:
    from collections.abc import Callable

_QUERIES = ["clone a vm", "wer darf was", "snapshto of ct 100", "bigger disk", "how hot is the cpu"]


@pytest.fixture(scope="module")
def stored() -> bytes:
    return searcher("9.1").store()


def test_a_searcher_from_what_was_stored_finds_the_same(stored: bytes) -> None:
    again = Searcher(load_index("9.1"), stored=stored)
    assert again.was_stored
    assert not searcher("9.1").was_stored
    for query in _QUERIES:
        assert again.find(query, 10) == searcher("9.1").find(query, 10)
    assert again.store() == stored


def test_what_was_stored_for_another_version_is_not_used(stored: bytes) -> None:
    assert not Searcher(load_index("8.4"), stored=stored).was_stored


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda _: b"\n",
        lambda whole: whole[:-1],
        lambda whole: whole + b" ",
        lambda whole: whole.replace(b"snapshot", b"sn4pshot", 1),
    ],
    ids=["empty", "a line", "cut", "longer", "a letter"],
)
def test_what_is_damaged_is_not_used(damage: Callable[[bytes], bytes], stored: bytes) -> None:
    assert not Searcher(load_index("9.1"), stored=damage(stored)).was_stored


@given(st.binary(max_size=60))
def test_what_is_something_else_is_not_used(data: bytes) -> None:
    assert unpack("source", data) is None


_NUMBERS = st.lists(st.integers(0, 2**32 - 1), max_size=5).map(lambda numbers: array("I", numbers))


@given(st.dictionaries(st.text(max_size=9), _NUMBERS, max_size=5), _NUMBERS)
def test_what_was_packed_comes_back(places: dict[str, array[int]], lines: array[int]) -> None:
    vocabulary = Vocabulary.of({("vm",): ("=guest",), ("two", "factor"): ("=login",)}, {"=make": ("POST",)}, ["vm"])
    documents = [Document(number, ("name",), "does") for number in lines]
    counts = Counts({term: len(term) for term in places}, lines, array("f", lines))
    contents = Contents(documents, places, counts, {"word": 2}, vocabulary, frozenset({"/nodes"}))
    assert unpack("source", pack("source", contents)) == contents
    assert unpack("another source", pack("source", contents)) is None
