"""A command for a guest as one call: from its arguments to the call that carries it, and its result in words."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.errors import DeniedError, InvalidCallError, TargetError
from proxmox_mcp.gateway.guest_command import (
    MAX_CONFIRMED_INPUT,
    OF_ONE_COMMAND,
    Excerpt,
    as_data,
    carried,
    carrier,
    command_in,
    digests,
    find_guest,
    given_of,
    guest_at,
    must_be_showable,
    told,
    work_of,
)
from proxmox_mcp.guests import ExecResult, GuestOnNode, Output
from proxmox_mcp.policy.call import Call

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox_mcp.gateway.cluster import Cluster

    Scripted = Callable[..., tuple[Cluster, Any]]

NOTHING = Output()
VM, CONTAINER = GuestOnNode("qemu", 100, "pve1"), GuestOnNode("lxc", 103, "pve2")


@pytest.mark.parametrize(
    ("given", "argv", "text"),
    [
        (["uptime"], ("uptime",), ""),
        (["ls", "-la"], ("ls", "-la"), ""),
        (["ls", "a; b"], ("ls", "a; b"), ""),
        (["ls -la"], (), "ls -la"),
        (["a|b"], (), "a|b"),
        (["$SHELL"], (), "$SHELL"),
        (["/opt/a+b_c-1.0/run"], ("/opt/a+b_c-1.0/run",), ""),
    ],
)
def test_one_element_that_names_no_program_is_a_text_for_the_shell(
    given: list[str], argv: tuple[str, ...], text: str
) -> None:
    command = work_of({"command": given}).command
    assert (command.argv, command.text) == (argv, text)


@pytest.mark.parametrize(
    "given",
    [
        {"command": ["ls", "-la"], "input": "", "timeout": 60, "wait_for": ""},
        {"command": ["cat > f; id"], "input": "größe\n", "timeout": 7, "wait_for": "ready"},
    ],
)
def test_a_command_is_made_again_from_its_arguments(given: dict[str, Any]) -> None:
    work = work_of(given)
    assert given_of(work) == given
    assert work.wait_until_ready == (work.seconds if given["wait_for"] else 0)


def test_input_of_half_a_character_is_refused() -> None:
    with pytest.raises(InvalidCallError, match="surrogate"):
        work_of({"command": ["cat"], "input": "\ud800"})


@pytest.mark.parametrize("guest", [VM, CONTAINER])
def test_the_call_that_carries_a_command_names_its_guest(guest: GuestOnNode) -> None:
    assert guest_at(carrier(guest)) == guest


@pytest.mark.anyio
@pytest.mark.parametrize(("which", "guest"), [("100", VM), ("web-01", VM)])
async def test_a_guest_is_found_by_its_id_or_its_name(which: str, guest: GuestOnNode, scripted: Scripted) -> None:
    cluster, _ = scripted()
    assert await find_guest(which, cluster) == guest


@pytest.mark.anyio
async def test_a_name_of_no_guest_or_of_several_is_refused_with_what_there_is(scripted: Scripted) -> None:
    cluster, _ = scripted()
    with pytest.raises(TargetError, match="There is no guest web-03") as missing:
        await find_guest("web-03", cluster)
    assert "web-01" in missing.value.advice
    with pytest.raises(TargetError, match="2 guests are named twin") as several:
        await find_guest("twin", cluster)
    assert "103" in several.value.message
    assert "104" in several.value.message


def work(command: list[str], text: str = "", guest: GuestOnNode = VM) -> Any:
    made = work_of({"command": command, "input": text})
    return type(made)(guest=guest, command=made.command, data=made.data, seconds=made.seconds)


def test_a_command_is_judged_with_all_that_runs_and_all_of_its_input() -> None:
    call = Call(method="POST", path=ApiPath.parse("/"))
    whole = carried(call, work(["sh", "-s"], "id\n", CONTAINER), None)
    digest = hashlib.sha256(b"id\n").hexdigest()
    assert whole.data == {"command": ["sh", "-s"], "input-data": "id\n", "input-bytes": f"3, SHA-256 {digest}"}
    assert (whole.template, whole.path_params) == (
        "/nodes/{node}/lxc/{vmid}/termproxy",
        {"node": "pve2", "vmid": "103"},
    )
    assert carried(call, work(["ls -la"]), None).data == {"command": "ls -la"}


def test_the_command_of_a_call_is_told_as_one_line_of_a_shell() -> None:
    assert command_in({"command": ["ls", "a b"]}) == "ls 'a b'"
    assert command_in({"command": "ls | wc"}) == "ls | wc"
    assert command_in({}) == ""


def test_input_that_a_person_can_not_be_shown_whole_is_refused() -> None:
    must_be_showable(work(["cat"], "x" * MAX_CONFIRMED_INPUT))
    with pytest.raises(DeniedError, match=f"has {MAX_CONFIRMED_INPUT + 1} bytes"):
        must_be_showable(work(["cat"], "x" * (MAX_CONFIRMED_INPUT + 1)))


def result(out: Output = NOTHING, err: Output = NOTHING, code: int | None = 0, **more: Any) -> ExecResult:
    return ExecResult(exit_code=code, stdout=out, stderr=err, seconds=1.25, **more)


@pytest.mark.parametrize(
    ("ended", "head"),
    [
        (result(), "Exit code 0 after 1.2 s in VM 100 on pve1."),
        (result(code=7), "Exit code 7 after 1.2 s in VM 100 on pve1."),
        (result(code=None), "Stopped after 1.2 s in VM 100 on pve1."),
        (result(code=None, signal=9), "Ended by signal 9 after 1.2 s in VM 100 on pve1."),
        (result(timed_out=True), "Timed out: the command was stopped after 1.2 s in VM 100 on pve1."),
    ],
)
def test_the_first_line_says_how_a_command_ended(ended: ExecResult, head: str) -> None:
    assert told(ended, VM).splitlines() == [head, "It printed nothing."]


def test_notes_stand_before_the_outputs_and_each_output_is_marked_as_data() -> None:
    said = told(result(Output(b"out"), Output(b"err"), notes=("It still runs.",)), VM).splitlines()
    assert said[1] == "It still runs."
    assert [line for line in said if "output of the command, 3 bytes" in line]
    assert [line for line in said if "errors of the command, 3 bytes" in line]
    assert said.index("| out") < said.index("| err")
    assert "It printed nothing." not in said


def test_of_a_long_output_the_begin_and_the_end_are_told_and_how_to_see_the_rest() -> None:
    said = told(result(Output(b"abcdefghij")), VM, Excerpt(2, 3))
    assert "| ab\n| [... 5 characters left out ...]\n| hij\n" in said
    assert "Only a part of the output is shown. Filter it in the guest" in said
    assert "left out" not in told(result(Output(b"abcde")), VM, Excerpt(2, 3))


@pytest.mark.parametrize(("dropped", "more"), [(5, "at least 5 bytes more"), (None, "more")])
def test_an_output_that_was_cut_says_what_came_after_as_far_as_that_is_known(dropped: int | None, more: str) -> None:
    said = told(result(err=Output(b"abc", cut=True, dropped=dropped)), VM)
    assert f"Only the first 3 bytes of the errors were kept; there was {more}. Filter" in said


def test_several_commands_share_the_room_of_one() -> None:
    shared = OF_ONE_COMMAND.shared_by(4)
    assert (shared.first * 4, shared.last * 4) == (OF_ONE_COMMAND.first, OF_ONE_COMMAND.last)
    assert OF_ONE_COMMAND.shared_by(0) == OF_ONE_COMMAND


def test_the_audit_gets_digests_of_the_outputs_and_programs_get_the_outputs() -> None:
    ended = result(Output(b"out"), Output(b"\xff"), code=3)
    assert digests(ended) == {
        "exit_code": 3,
        "output_sha256": hashlib.sha256(b"out").hexdigest(),
        "errors_sha256": hashlib.sha256(b"\xff").hexdigest(),
    }
    assert as_data(ended) == {
        "exit_code": 3, "signal": None, "timed_out": False, "seconds": 1.25, "output": "out", "errors": "\ufffd",
    }  # fmt: skip
