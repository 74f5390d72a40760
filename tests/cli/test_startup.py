"""Standard streams are open. When the garbage of a start is collected: hardly while modules are imported, and as usual
for requests."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from forked import COMMAND
from patience import PATIENCE
from proxmox_mcp.cli import startup
from serving import environment

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _collects_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PYDANTIC_DISABLE_PLUGINS", "")  # Noted, so that what a test sets is gone after it.
    monkeypatch.delenv("PYDANTIC_DISABLE_PLUGINS")
    threshold, turn = gc.get_threshold(), sys.getswitchinterval()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)
    sys.setswitchinterval(turn)


def test_a_start_looks_for_no_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    startup.begin()
    assert os.environ["PYDANTIC_DISABLE_PLUGINS"] == "__all__"

    monkeypatch.setenv("PYDANTIC_DISABLE_PLUGINS", "mine")
    startup.begin()
    assert os.environ["PYDANTIC_DISABLE_PLUGINS"] == "mine", "what the operator set counts"


def test_what_was_made_at_the_start_is_never_examined_again() -> None:
    gc.set_threshold(200_000, 20, 20)
    startup.settle()
    assert gc.get_freeze_count() > 1000
    assert 700 < gc.get_threshold()[0] < 200_000


def test_a_busy_thread_lets_others_go_on_soon() -> None:
    sys.setswitchinterval(0.005)
    startup.begin()
    assert sys.getswitchinterval() < 0.005


@pytest.mark.parametrize(
    ("before", "after"), [(signal.default_int_handler, signal.SIG_DFL), (signal.SIG_IGN, signal.SIG_IGN)]
)
def test_after_the_command_an_interrupt_ends_the_process_without_a_traceback_unless_it_was_ignored(
    before: Any, after: Any
) -> None:
    kept = signal.signal(signal.SIGINT, before)
    try:
        startup.done()
        assert signal.getsignal(signal.SIGINT) == after
    finally:
        signal.signal(signal.SIGINT, kept)


def in_a_shell(command: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of a shell, in which ``"$@"`` is a command of ours without its arguments."""
    words = ["sh", "-c", command, "sh", *COMMAND]
    return subprocess.run(
        words, env=environment(directory), capture_output=True, text=True, timeout=PATIENCE, check=False
    )


@pytest.mark.skipif(sys.platform == "win32", reason="a shell of Windows closes no streams")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"])
def test_streams_that_were_closed_are_open_and_no_other_file_gets_their_number(closed: str, tmp_path: Path) -> None:
    program = (
        "import os, sys; from proxmox_mcp.cli import startup; startup.open_streams(); "
        "assert [s.fileno() for s in (sys.stdin, sys.stdout, sys.stderr)] == [0, 1, 2]; "
        "sys.stdin.isatty(); print(1); print(2, file=sys.stderr); sys.exit(os.open(os.devnull, os.O_RDONLY) + 40)"
    )
    words = ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-c", program]
    done = subprocess.run(words, env=environment(tmp_path), stdin=subprocess.DEVNULL, timeout=PATIENCE, check=False)
    assert done.returncode == 43


@pytest.mark.skipif(sys.platform == "win32", reason="a shell of Windows closes no streams")
def test_a_command_whose_input_was_closed_reads_nothing(tmp_path: Path) -> None:
    done = in_a_shell('"$@" console password lena <&-', tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[0].endswith("There is no terminal to ask at.")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is full")
@pytest.mark.parametrize("arguments", ["token new", "--help", "search --help"])
def test_output_that_has_no_room_is_one_line(arguments: str, tmp_path: Path) -> None:
    done = in_a_shell(f'"$@" {arguments} >/dev/full', tmp_path)
    assert (done.returncode, done.stderr) == (1, "The output can't be written: No space left on device.\n")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="a shell of Windows")
def test_a_state_that_can_not_be_used_is_told_once_with_its_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = in_a_shell(f'MCP_STATE_DIR={tmp_path}/file "$@" approvals', tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error [guard.store] the state file state.sqlite can't be used: File exists",
        "See that the state directory exists, has room and belongs to the user that runs the server.",
        f"Details: {tmp_path}/file/state.sqlite",
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="a shell of Windows")
def test_a_reader_that_has_gone_is_no_fault(tmp_path: Path) -> None:
    done = in_a_shell('{ "$@" completion zsh; echo $? >&2; } | true', tmp_path)
    assert done.stderr in ("0\n", "1\n"), "no traceback"
