"""The tour of ``proxmox-mcp demo``: all of its steps succeed, and something is left to decide and to undo."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from proxmox_mcp.demo.tour import STEPS
from serving import run

if TYPE_CHECKING:
    from pathlib import Path


def test_the_tour_undoes_a_change_and_leaves_others_to_undo(tmp_path: Path) -> None:
    done = run(tmp_path, "demo", "--once")
    assert done.returncode == 0, done.stdout
    undone = done.stdout.partition("✓ Undo the change of the memory")[2].partition("✓")[0]
    assert "cores: 6 → 4; memory: 12288 → 8192" in undone
    left = done.stdout.partition("✓ Several writes are one plan")[2].partition("✓")[0]
    assert 'To go back: proxmox_api_plan undo="plan 1".' in left
    assert 'undo="plan 1"' not in undone
    assert re.findall(r"^✗", done.stdout, re.MULTILINE) == []
    assert done.stdout.count("✓ ") == len(STEPS) + 1
