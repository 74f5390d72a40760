from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxmox_mcp.apidoc import load_index
from proxmox_mcp.search import Searcher
from proxmox_mcp.search.documents import Document
from proxmox_mcp.search.index_cache import Contents, pack, unpack

_INDEX = load_index("9.1")
_SEARCHER = Searcher(_INDEX)
_STORED = _SEARCHER.store()
_QUERIES = ["clone a vm", "wer darf was", "snapshto of ct 100", "bigger disk", "how hot is the cpu"]


def test_a_searcher_from_what_was_stored_finds_the_same() -> None:
    again = Searcher(load_index("9.1"), stored=_STORED)
    assert again.was_stored
    assert not _SEARCHER.was_stored
    for query in _QUERIES:
        assert again.find(query, 10) == _SEARCHER.find(query, 10)
    assert again.store() == _STORED


def test_what_was_stored_for_another_version_is_not_used() -> None:
    assert not Searcher(load_index("8.4"), stored=_STORED).was_stored


@pytest.mark.parametrize(
    "damaged", [b"", b"\n", _STORED[:-1], _STORED + b" ", _STORED.replace(b"snapshot", b"sn4pshot", 1)]
)
def test_what_is_damaged_is_not_used(damaged: bytes) -> None:
    assert not Searcher(_INDEX, stored=damaged).was_stored


@given(st.binary(max_size=60))
def test_what_is_something_else_is_not_used(data: bytes) -> None:
    assert unpack("source", data) is None


_NUMBERS = st.lists(st.integers(0, 2**32 - 1), max_size=5).map(lambda numbers: array("I", numbers))


@given(st.dictionaries(st.text(max_size=9), _NUMBERS, max_size=5), st.lists(st.integers(0, 99), max_size=5))
def test_what_was_packed_comes_back(places: dict[str, array[int]], lines: list[int]) -> None:
    contents = Contents([Document(number, ("name",)) for number in lines], places, {"word": 2})
    assert unpack("source", pack("source", contents)) == contents
    assert unpack("another source", pack("source", contents)) is None
