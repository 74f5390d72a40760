from __future__ import annotations

from array import array

import pytest

from proxmox_mcp.search.counts import count, documents_of_lines, rarity
from proxmox_mcp.search.documents import Document

_DOCUMENTS = [Document(2), Document(3)]
_PLACES = {"disk": array("I", [0, 1, 3]), "vm": array("I", [1]), "=guest": array("I", [1, 4])}


def test_terms_are_counted_by_document_and_by_line() -> None:
    counts = count(_DOCUMENTS, _PLACES)
    assert counts.documents == {"disk": 2, "vm": 1, "=guest": 2}
    assert list(counts.terms) == [1, 3, 0, 1, 1]


def test_the_length_of_a_line_is_the_rarity_of_its_words_without_their_concepts() -> None:
    lengths = count(_DOCUMENTS, _PLACES).lengths
    disk, vm = rarity(2, 2), rarity(1, 2)
    assert list(lengths) == pytest.approx([disk, disk + vm, 0, disk, 0])


def test_each_line_knows_its_document() -> None:
    assert list(documents_of_lines(_DOCUMENTS)) == [0, 0, 1, 1, 1]


def test_a_rare_term_weighs_more_than_a_common_one_and_none_less_than_nothing() -> None:
    weights = [rarity(documents, 50) for documents in range(51)]
    assert weights == sorted(weights, reverse=True)
    assert weights[-1] > 0
