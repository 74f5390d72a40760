"""Ctrl-C during a command: what goes on in the cluster is told, and at a question the first one counts."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import anyio
import pytest

from command_line import run_here
from forked import start
from patience import PATIENCE, until
from proxmox_mcp.cli.interrupts import telling_what_goes_on
from proxmox_mcp.demo import DemoCluster, start_demo_cluster
from serving import environment
from terminals import open_terminal, shown_next

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from proxmox_mcp.gateway import Gateway

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs signals and /proc")


@pytest.fixture(scope="module")
def cluster() -> Iterator[DemoCluster]:
    with start_demo_cluster(task_seconds=60) as cluster:
        yield cluster


def interrupted(directory: Path, once: str, *arguments: str, **settings: str) -> tuple[int, str, str]:
    """The status and the output of a command at a terminal that got a SIGINT once the terminal had a text; and what the
    terminal had in all."""
    terminal, inner = open_terminal()
    out = directory / "out"
    try:
        with os.fdopen(inner, "r+b", buffering=0) as seat, out.open("wb") as output:
            process = start(arguments, environment(directory, **settings), output, seat, seat)
        shown = ""
        while once not in shown and (more := shown_next(terminal)):
            shown += more
        _until_it_waits(process.pid)
        process.send_signal(signal.SIGINT)
        while more := shown_next(terminal):
            shown += more
    finally:
        os.close(terminal)
    return process.wait(PATIENCE), out.read_text(), shown.replace("\r\n", "\n")


def _until_it_waits(process: int) -> None:
    """Until its main thread sleeps, and goes on to: Python raises nothing for a signal that comes between the text of
    a question and the read of its answer, until that is read."""
    asleep = 0

    def is_waiting() -> bool:
        nonlocal asleep
        state = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()[0]
        asleep = asleep + 1 if state == "S" else 0
        return asleep == 4

    until(is_waiting, lambda: "the read of an answer")


def test_a_task_that_goes_on_is_told_with_how_to_look_at_it_and_how_to_stop_it(
    on_demo: Mapping[str, str], tmp_path: Path
) -> None:
    clone = ("call", "POST", "/nodes/*/qemu/web-03/clone", "newid=991", "--json")
    status, out, shown = interrupted(tmp_path, "creating a clone", *clone, **on_demo)
    assert (status, out) == (130, "")
    told = shown.partition("Interrupted. ")[2].splitlines()
    upid = told[1]
    assert upid.startswith("UPID:pve3:")
    assert ":qmclone:" in upid
    assert told == [
        "The task goes on:",
        upid,
        "To see what runs: proxmox-mcp tasks --running",
        f"To wait for it: proxmox-mcp call GET '/nodes/pve3/tasks/{upid}/status' --wait 300",
        f"To stop it: proxmox-mcp call DELETE '/nodes/pve3/tasks/{upid}'",
    ]


def test_the_first_interrupt_at_the_question_of_a_call_declines_it(on_demo: Mapping[str, str], tmp_path: Path) -> None:
    reset = ("call", "POST", "/nodes/*/qemu/web-02/status/reset")
    status, out, shown = interrupted(tmp_path, "Do it? [y/N]: ", *reset, **on_demo)
    assert (status, out) == (130, "")
    assert shown.endswith("Do it? [y/N]: \nYou did not agree. Nothing was sent.\n")


def test_an_interrupt_at_a_question_of_setup_ends_it_quietly(tmp_path: Path) -> None:
    status, out, shown = interrupted(tmp_path, "[local]> ", "setup")
    assert (status, out) == (130, "")
    assert "Aborted!" not in shown


def _gateway(*left: str) -> Gateway:
    clusters = {"lab": SimpleNamespace(tasks=SimpleNamespace(left=left))}
    return cast("Gateway", SimpleNamespace(clusters=clusters))


def test_what_waited_for_no_task_tells_what_may_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, telling_what_goes_on(_gateway(), "It may go on in the guest."):
        raise KeyboardInterrupt
    assert (ended.value.code, capsys.readouterr().err) == (130, "Interrupted. It may go on in the guest.\n")


def test_several_tasks_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit), telling_what_goes_on(_gateway("UPID:a", "UPID:b"), ""):
        raise KeyboardInterrupt
    told = ["Interrupted. These tasks go on:", "UPID:a", "UPID:b", "To see what runs: proxmox-mcp tasks --running"]
    assert capsys.readouterr().err.splitlines() == told


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("undo", "1"), "Interrupted. Steps that were sent stay done: `proxmox-mcp changes` lists them.\n"),
        (("exec", "web", "--", "id"), "Interrupted. If the command was started, it may go on in guest web.\n"),
        (("call", "GET", "/nodes"), "Interrupted.\n"),
        (("guests",), ""),
    ],
)
def test_every_command_ends_with_the_status_of_an_interrupt(
    command: tuple[str, ...], said: str, on_demo: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(anyio, "run", run)
    told = run_here(tmp_path, *command, **on_demo)
    assert (told.returncode, told.stdout, told.stderr) == (130, "", said)
