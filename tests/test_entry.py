"""The command from its first import on: a Ctrl-C ends it quietly, with the status that a shell expects."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from forked import COMMAND, SOURCE
from patience import PATIENCE
from serving import environment

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signal to a process alone")
def test_an_interrupt_while_modules_are_imported_is_quiet(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("import signal\nsignal.raise_signal(signal.SIGINT)\n")
    settings = environment(tmp_path, PYTHONPATH=os.pathsep.join((str(tmp_path), SOURCE)))
    done = subprocess.run(
        [*COMMAND, "--help"], env=settings, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_modules_are_imported_without_looking_for_garbage(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("import gc\nraise SystemExit(gc.get_threshold()[0])\n")
    settings = environment(tmp_path, PYTHONPATH=os.pathsep.join((str(tmp_path), SOURCE)))
    done = subprocess.run([*COMMAND, "--help"], env=settings, capture_output=True, timeout=PATIENCE, check=False)
    assert done.returncode == 200_000 % 256
