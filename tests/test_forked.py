"""A command that is forked does what one does that was started."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from serving import run, serving

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.parametrize("way", ["forked", pytest.param("fresh", marks=pytest.mark.slow)])


@pytest.fixture(autouse=True)
def _as_said(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRESH_PROCESSES", "1" if way == "fresh" else "")


def test_it_gives_its_output_its_errors_and_its_status(tmp_path: Path) -> None:
    done = run(tmp_path, "--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("proxmox-mcp")
    done = run(tmp_path, "no-such-command")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no-such-command" in done.stderr


def test_it_sees_the_settings_of_its_caller_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_MODE", "no-mode")
    assert "MCP_PORT" in run(tmp_path, "nodes", MCP_PORT="no-port").stderr
    assert "no-mode" not in run(tmp_path, "nodes", MCP_PORT="no-port").stderr


def test_the_end_by_a_signal_is_told_as_such(tmp_path: Path) -> None:
    with serving(tmp_path / "asked") as one, serving(tmp_path / "killed") as other:
        assert one.process.poll() is None
        assert one.end() == 0
        assert other.end(signal.SIGKILL) == -signal.SIGKILL
