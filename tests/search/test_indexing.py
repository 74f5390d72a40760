from __future__ import annotations

import pytest

from proxmox_mcp.apidoc.data_files import data_directory
from proxmox_mcp.search.indexing import TermReader
from proxmox_mcp.search.vocabulary import Vocabulary, load_vocabulary, stems_of


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return load_vocabulary(data_directory() / "words.txt")


@pytest.mark.parametrize(
    "text", ["remove two factor", "get rid of two-factor for user 12", "2fa", "", "the", "power off a vm"]
)
def test_the_terms_of_a_line_are_those_of_the_same_question(vocabulary: Vocabulary, text: str) -> None:
    asked = {term for unit in vocabulary.units(stems_of(text)) for term in unit.terms}
    assert set(TermReader(vocabulary).places([text])) == asked


def test_places_are_the_numbers_of_lines_each_once(vocabulary: Vocabulary) -> None:
    places = TermReader(vocabulary).places(["snapshot of a snapshot", "", "the snapshot"])
    assert list(places["snapshot"]) == [0, 2]


def test_a_number_within_a_name_of_several_words_is_left_out(vocabulary: Vocabulary) -> None:
    assert "two factor" in TermReader(vocabulary).places(["two 2 factor"])


def test_a_name_of_several_words_does_not_reach_over_a_line(vocabulary: Vocabulary) -> None:
    reader = TermReader(vocabulary)
    assert "two factor" in reader.places(["two factor"])
    assert "two factor" not in reader.places(["two", "factor"])


def test_words_are_remembered_as_written(vocabulary: Vocabulary) -> None:
    reader = TermReader(vocabulary)
    reader.places(["removing snapshots", "snapshots"])
    known = reader.known()
    assert known["snapshots"] == 2 + ("snapshots" in vocabulary.words)
    assert "removing" in known
    assert "\n" not in known
