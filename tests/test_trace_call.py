"""``scripts/trace_call.py`` still measures a guarded write: its call is made, and nothing is left open behind it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "trace_call.py"


@pytest.mark.slow
def test_it_prints_its_figures_and_no_warning(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT], capture_output=True, text=True, timeout=60, check=True, env={"TMPDIR": str(tmp_path)}
    )
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["files", "spine", "returns", "GETs"]
    assert done.stderr == ""
    assert not list(tmp_path.iterdir())
