"""What may be asked of a guest as a command, how its shell gets it, and what is kept of its output."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from proxmox_mcp.errors import InvalidCallError
from proxmox_mcp.guests import MAX_COMMAND, GuestCommand, GuestOnNode
from proxmox_mcp.guests.model import ExecResult, Output, kept


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ([], "empty"),
        ([""], "empty"),
        ("a\0b", "NUL"),
        (["a", "b\0"], "NUL"),
        ("\ud800", "surrogate"),
        ("-x", "option"),
        (["-x"], "option"),
        ("x" * (MAX_COMMAND + 1), "bytes"),
    ],
)
def test_a_command_that_cannot_run_as_it_is_written_is_refused(command: Any, message: str) -> None:
    with pytest.raises(InvalidCallError, match=message):
        GuestCommand.parse(command)


def test_a_command_of_the_most_bytes_is_taken() -> None:
    assert GuestCommand.parse("ü" * (MAX_COMMAND // 2 - 1)).text
    assert GuestCommand.parse(["a", "b" * (MAX_COMMAND - 3)]).argv


def test_a_list_reaches_the_guest_as_it_is_and_a_text_by_a_shell() -> None:
    text, program = GuestCommand.parse("ls | wc -l"), GuestCommand.parse(["printf", "%s", "a b", "$HOME"])
    assert (text.for_a_shell, program.for_a_shell) == (True, False)
    assert (text.line, program.line) == ("ls | wc -l", "printf %s 'a b' '$HOME'")
    assert (text.as_text, program.as_text) == ("ls | wc -l", "exec printf %s 'a b' '$HOME'")
    assert text.posix_argv == ("sh", "-c", "ls | wc -l")
    assert program.posix_argv == ("printf", "%s", "a b", "$HOME")


def test_a_guest_is_named_by_its_kind_and_has_a_path_on_its_node() -> None:
    guests = GuestOnNode("qemu", 100, "pve1"), GuestOnNode("lxc", 105, "pve2")
    assert [str(guest) for guest in guests] == ["VM 100", "container 105"]
    assert [guest.path for guest in guests] == ["/nodes/pve1/qemu/100", "/nodes/pve2/lxc/105"]


@pytest.mark.parametrize(
    ("size", "already_cut", "output"),
    [
        (3, False, Output(b"xxx", cut=False, dropped=0)),
        (4, False, Output(b"xxxx", cut=False, dropped=0)),
        (6, False, Output(b"xxxx", cut=True, dropped=2)),
        (3, True, Output(b"xxx", cut=True, dropped=None)),
        (6, True, Output(b"xxxx", cut=True, dropped=None)),
    ],
)
def test_of_an_output_the_first_bytes_are_kept_and_the_others_counted_where_that_is_known(
    size: int, already_cut: bool, output: Output
) -> None:
    assert kept(b"x" * size, 4, already_cut=already_cut) == output


def test_an_output_is_read_as_text_whatever_its_bytes_and_recorded_by_its_digest() -> None:
    output = Output("grün ".encode() + b"\xff")
    assert output.text == "grün \ufffd"
    assert output.digest == hashlib.sha256(output.data).hexdigest()


@pytest.mark.parametrize(
    ("code", "timed_out", "ok"), [(0, False, True), (1, False, False), (None, False, False), (0, True, False)]
)
def test_a_command_went_well_if_it_ended_with_0_in_time(code: int | None, timed_out: bool, ok: bool) -> None:
    result = ExecResult(exit_code=code, stdout=Output(), stderr=Output(), seconds=0.1, timed_out=timed_out)
    assert result.ok is ok
