"""The tour of ``proxmox-mcp demo``: all of its steps succeed, and something is left to decide and to undo."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from scripts.draw_tour import PICTURE, picture, words

from proxmox_mcp.demo.tour import STEPS
from serving import free_port, run

if TYPE_CHECKING:
    import subprocess


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    # A port of its own: another worker's demo may look for one at the same moment, and find the same.
    return run(tmp_path_factory.mktemp("demo"), "demo", "--once", "--port", str(free_port()))


def test_the_tour_undoes_a_change_and_leaves_others_to_undo(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stdout
    undone = done.stdout.partition("✓ Undo the change of the memory")[2].partition("✓")[0]
    assert "cores: 6 → 4; memory: 12288 → 8192" in undone
    left = done.stdout.partition("✓ Several writes are one plan")[2].partition("✓")[0]
    assert 'To go back: proxmox_api_plan undo="plan 1".' in left
    assert 'undo="plan 1"' not in undone
    assert re.findall(r"^✗", done.stdout, re.MULTILINE) == []
    assert done.stdout.count("✓ ") == len(STEPS) + 1


def test_the_picture_of_the_tour_shows_what_the_tour_says_today(done: subprocess.CompletedProcess[str]) -> None:
    """After a change of the tour, or of what answers say: scripts/draw-tour."""
    assert words(PICTURE.read_text(encoding="utf-8")) == words(picture(done.stdout))


def test_a_step_that_failed_is_not_drawn(done: subprocess.CompletedProcess[str]) -> None:
    with pytest.raises(ValueError, match="no step that succeeds"):
        picture(done.stdout.replace("✓ The corrected call", "✗ The corrected call"))


def test_who_looks_at_the_picture_fetches_nothing_from_elsewhere() -> None:
    svg = PICTURE.read_text(encoding="utf-8")
    assert set(re.findall(r"https?://[^\s\"'<>)]+", svg)) <= {
        "http://www.w3.org/2000/svg",
        "https://www.textualize.io",
    }
    assert "url(http" not in svg
    assert "<image" not in svg
