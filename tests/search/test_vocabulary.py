from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxmox_mcp.apidoc.data_files import data_directory
from proxmox_mcp.errors import ApidocFormatError
from proxmox_mcp.search.text import STOP_WORDS, singular, words
from proxmox_mcp.search.vocabulary import Vocabulary, load_vocabulary, stem_of, stems_of

if TYPE_CHECKING:
    from pathlib import Path

_WORDS = """\
# a comment
delete [DELETE]: delete, remove, get rid of, löschen
change [PUT POST]: change, edit
tfa: two factor, tfa, 2fa
"""


@pytest.fixture
def vocabulary(tmp_path: Path) -> Vocabulary:
    path = tmp_path / "words.txt"
    path.write_text(_WORDS, encoding="utf-8")
    return load_vocabulary(path)


def test_words_of_one_concept_share_it(vocabulary: Vocabulary) -> None:
    units = [vocabulary.units(stems_of(text))[0] for text in ("removing", "löschen", "delete")]
    assert [unit.concepts for unit in units] == [("=delete",)] * 3
    assert len({unit.stem for unit in units}) == 3


def test_several_words_may_name_a_concept_and_still_count_by_themselves(vocabulary: Vocabulary) -> None:
    units = vocabulary.units(stems_of("the two-factor login"))
    named = {unit.stem: unit.concepts for unit in units}
    assert named == {"two factor": ("=tfa",), "two": (), "twofactor": (), "factor": (), "login": ()}


def test_stop_words_count_in_longer_names_only(vocabulary: Vocabulary) -> None:
    assert [unit.stem for unit in vocabulary.units(stems_of("get rid of it"))] == ["get rid of", "rid"]


def test_verbs_ask_for_methods_in_the_order_of_the_text(vocabulary: Vocabulary) -> None:
    assert vocabulary.verbs(stems_of("edit it, then get rid of it")) == [("PUT", "POST"), ("DELETE",)]


@pytest.mark.parametrize("line", ["delete remove", "delete [REMOVE]: rm", "Delete: rm", "delete:", "delete: rm, 12"])
def test_a_line_of_no_known_form_is_refused_with_its_number(tmp_path: Path, line: str) -> None:
    path = tmp_path / "words.txt"
    path.write_text(f"# head\n{line}\n", encoding="utf-8")
    with pytest.raises(ApidocFormatError, match=r"words\.txt, line 2"):
        load_vocabulary(path)


def test_our_own_words_are_sound() -> None:
    vocabulary = load_vocabulary(data_directory() / "words.txt")
    assert all(words(" ".join(name)) for name in vocabulary.concepts)
    assert {"=delete", "=show", "=create", "=change"} <= set(vocabulary.methods)


def test_no_word_of_ours_is_lost_because_its_stem_is_a_stop_word() -> None:
    """``note`` without its -e is ``not``."""
    ours = load_vocabulary(data_directory() / "words.txt").words
    lost = {word for word in ours - STOP_WORDS if stem_of(word) in STOP_WORDS and singular(word) not in STOP_WORDS}
    assert lost == set()
    assert stem_of("notes") == stem_of("note") == "note"
