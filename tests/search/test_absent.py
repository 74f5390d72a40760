from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxmox_mcp.apidoc.data_files import data_directory
from proxmox_mcp.errors import ApidocFormatError
from proxmox_mcp.search import Absence
from proxmox_mcp.search.absent import load_absences

if TYPE_CHECKING:
    from pathlib import Path


def test_an_entry_has_a_subject_advice_and_phrases(tmp_path: Path) -> None:
    path = tmp_path / "absent.txt"
    path.write_text("# head\n\nshrinking a disk\n  Use a new disk.\n  ~ shrink | smaller\n  ~de verkleinern\n")
    assert load_absences(path) == [Absence("shrinking a disk", "Use a new disk.", ("shrink", "smaller", "verkleinern"))]


@pytest.mark.parametrize(
    "entry",
    [
        "a subject\n  Advice.\n",
        "a subject\n  ~ a phrase\n",
        "  ~ a phrase\n",
        "a subject\n  One.\n  Two.\n  ~ a\n",
        "a\n  B.\n  ~ a |\n",
    ],
)
def test_an_incomplete_entry_is_refused(tmp_path: Path, entry: str) -> None:
    path = tmp_path / "absent.txt"
    path.write_text(entry)
    with pytest.raises(ApidocFormatError, match="needs one line of advice"):
        load_absences(path)


def test_our_own_list_is_sound_and_each_subject_is_there_once() -> None:
    absences = load_absences(data_directory() / "absent.txt")
    assert len({absence.subject for absence in absences}) == len(absences) >= 20
