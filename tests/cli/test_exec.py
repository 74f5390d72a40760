"""``proxmox-mcp exec``: what becomes of a result; the way to it is in ``tests/guests/test_through_the_gateway.py``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from command_line import UNREACHABLE
from proxmox_mcp.cli import commands
from proxmox_mcp.gateway import Gateway, answers
from proxmox_mcp.guests import MAX_OUTPUT, ExecResult, Output
from serving import environment

if TYPE_CHECKING:
    from pathlib import Path


def shown(ended: ExecResult, directory: Path, monkeypatch: pytest.MonkeyPatch) -> Result:
    """What the command prints of a result, and its status."""

    async def run_command(*_: Any) -> answers.Result:
        return answers.Result(data=ended)

    monkeypatch.setattr(Gateway, "run_command", run_command)
    given = environment(directory, **UNREACHABLE)
    return CliRunner(env=given).invoke(commands, ["exec", "web", "--yes", "--", "id"])


def result(code: int | None = 0, out: Output | None = None, err: Output | None = None, **more: Any) -> ExecResult:
    return ExecResult(exit_code=code, stdout=out or Output(), stderr=err or Output(), seconds=1.0, **more)


@pytest.mark.parametrize(
    ("ended", "status"),
    [
        (result(0), 0),
        (result(7), 7),
        (result(None, signal=9), 137),
        (result(None), 1),
        (result(None, timed_out=True), 124),
    ],
)
def test_the_status_is_that_of_the_command_or_as_a_shell_tells_its_end(
    ended: ExecResult, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shown(ended, tmp_path, monkeypatch).exit_code == status


def test_output_and_errors_are_printed_as_they_are_and_what_was_cut_is_told_after_the_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = result(0, Output(b"out\xff", cut=True, dropped=5), Output(b"err\n", cut=True), notes=("It still runs.",))
    told = shown(ended, tmp_path, monkeypatch)
    assert told.stdout_bytes == b"out\xff"
    assert told.stderr.splitlines() == [
        "err",
        "It still runs.",
        f"Only the first {MAX_OUTPUT} bytes of the output were kept.",
        f"Only the first {MAX_OUTPUT} bytes of the errors were kept.",
    ]


def test_of_an_output_that_is_whole_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = shown(result(0, Output(b"out")), tmp_path, monkeypatch)
    assert (told.stdout, told.stderr) == ("out", "")
