"""Commands in a VM through the guest agent: the real one where this machine has it, and an emulation of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from example_counts import share_of
from guests.agent import VMID, AgentNode, EmulatedAgent, RealAgent
from patience import PATIENCE, eventually
from proxmox_mcp.errors import FailedError, GuestAnswerError, GuestStateError, InvalidCallError
from proxmox_mcp.guests import ExecResult, GuestCommand, GuestOnNode, agent_exec
from proxmox_mcp.guests.agent_exec import MAX_AT_ONCE, run_in_vm
from tools import required

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

pytestmark = pytest.mark.anyio

VM = GuestOnNode("qemu", VMID, "pve1")


@pytest.fixture(params=["emulated", "real"])
async def node(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[AgentNode]:
    agent: Any = EmulatedAgent()
    if request.param == "real":
        agent = RealAgent(required("qemu-ga"), tmp_path)
        await agent.start()
    yield AgentNode(agent)
    await agent.stop()


async def run(
    node: AgentNode, command: str | Sequence[str], data: bytes = b"", *, seconds: float = PATIENCE, **more: Any
) -> ExecResult:
    return await run_in_vm(node, VM, GuestCommand.parse(command), data, seconds, **more)


def existing(files: list[str]) -> list[str]:
    return [file for file in files if Path(file).exists()]


def gone(process: int) -> bool:
    status = Path(f"/proc/{process}/status")
    return not status.exists() or "State:\tZ" in status.read_text()


async def test_output_errors_and_exit_code_come_apart(node: AgentNode) -> None:
    result = await run(node, "echo out; echo err >&2; exit 7")

    assert (result.stdout.data, result.stderr.data, result.exit_code) == (b"out\n", b"err\n", 7)
    assert node.commands == [["sh", "-c", "echo out; echo err >&2; exit 7"]]


async def test_while_a_command_runs_it_is_told_for_how_long(
    node: AgentNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_exec, "TELL_SECONDS", 0.2)
    told: list[str] = []

    async def tell(text: str) -> None:
        told.append(text)
        if len(told) == 2:
            (tmp_path / "enough").touch()

    result = await run(node, f"until [ -e {tmp_path}/enough ]; do sleep 0.1; done; echo end", tell=tell)

    assert (result.stdout.data, result.exit_code) == (b"end\n", 0)
    assert all(text.startswith("the command has run for ") for text in told)


async def test_a_list_is_what_the_agent_starts(node: AgentNode) -> None:
    words = ["printf", "%s|", "a b", "$HOME", "`id`", "it's", "line\nbreak", "", "ü€😀"]

    assert (await run(node, words)).stdout.text == "".join(f"{word}|" for word in words[2:])
    assert node.commands == [words]


async def test_every_byte_goes_in_and_comes_out_as_it_is(node: AgentNode) -> None:
    data = bytes(range(256)) * 100

    result = await run(node, ["tee", "/dev/stderr"], data)

    assert result.stdout.data == data
    assert result.stderr.data == data


@pytest.mark.parametrize("size", [0, 1, MAX_AT_ONCE, MAX_AT_ONCE + 1, 1 << 20])
async def test_input_of_any_size_arrives_and_its_file_is_gone(node: AgentNode, size: int) -> None:
    if size > MAX_AT_ONCE and not os.access("/dev/shm", os.W_OK):
        pytest.skip("long input is kept in /dev/shm, which can't be written here")
    data = os.urandom(size)

    assert (await run(node, ["cat"], data)).stdout.data == data
    files = [command[-1] for command in node.commands if command[0] == "sh" and "base64" in command[2]]
    assert bool(files) == (size > MAX_AT_ONCE)
    assert not existing(files)


async def test_5_mb_are_cut_and_say_how_much_came_after(node: AgentNode) -> None:
    result = await run(node, "head -c 5000000 /dev/zero")

    assert len(result.stdout.data) == 1 << 20
    assert (result.stdout.cut, result.stdout.dropped) == (True, 5_000_000 - (1 << 20))


async def test_what_takes_too_long_is_killed_with_its_children(node: AgentNode) -> None:
    result = await run(node, "trap '' TERM; echo $$; sleep 1000 & echo $!; wait", seconds=1, after_kill=PATIENCE)

    assert result.timed_out
    assert result.exit_code is None
    for process in result.stdout.text.split():
        await eventually(lambda process=process: gone(int(process)))  # type: ignore[misc]


async def test_a_call_that_is_cancelled_kills_the_command(node: AgentNode, tmp_path: Path) -> None:
    number = tmp_path / "number"
    async with anyio.create_task_group() as group:
        group.start_soon(run, node, f"echo $$ >{number}.new; mv {number}.new {number}; sleep 1000")
        await eventually(number.exists)
        group.cancel_scope.cancel()

    await eventually(lambda: gone(int(number.read_text())))


async def test_a_process_that_holds_the_output_is_told_as_the_likely_cause(node: AgentNode) -> None:
    with pytest.raises(GuestAnswerError, match="nor when process") as refused:
        await run(node, "setsid sleep 4 & echo started", seconds=0.5, after_kill=0.5)

    assert "redirected" in refused.value.advice


async def test_a_signal_is_told(node: AgentNode) -> None:
    result = await run(node, ["sh", "-c", "kill -9 $$"])

    assert (result.exit_code, result.signal) == (None, 9)


async def test_a_program_that_is_not_there_is_127_as_in_a_container(node: AgentNode) -> None:
    result = await run(node, ["no-such-program", "x"])

    assert result.exit_code == 127
    assert b"no-such-program" in result.stderr.data


@pytest.mark.parametrize(
    ("change", "message", "cure"),
    [
        ({"config": {}}, "no guest agent configured", "agent"),
        ({"answers": False}, "does not answer", "qemu-guest-agent"),
        ({"running": False}, "is stopped", "status/start"),
        ({"forbids": True}, "forbids guest-exec", "qemu-ga.conf"),
    ],
)
async def test_each_state_of_the_guest_has_its_reason_and_cure(change: dict[str, Any], message: str, cure: str) -> None:
    node = AgentNode(EmulatedAgent(), **change)

    with pytest.raises(GuestStateError, match=message) as refused:
        await run(node, "true")

    assert "Nothing was run" in refused.value.message
    assert cure in refused.value.advice


async def test_what_nobody_explains_stays_what_proxmox_said() -> None:
    class Odd(AgentNode):
        async def _agent(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
            raise FailedError("got timeout", status=500)

    with pytest.raises(FailedError, match="got timeout"):
        await run(Odd(EmulatedAgent()), "true")


async def test_windows_takes_a_list_only() -> None:
    node = AgentNode(EmulatedAgent())

    with pytest.raises(InvalidCallError, match="must be a list") as refused:
        await run(node, "Get-Service", windows=True)

    assert "powershell" in refused.value.advice
    assert not node.calls


@settings(max_examples=share_of(40), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30), max_size=6),
    st.binary(max_size=300),
)
def test_any_words_and_any_input_reach_the_program_as_they_are(words: list[str], data: bytes) -> None:
    async def check() -> None:
        agent = EmulatedAgent()
        shown = await run(AgentNode(agent), ["printf", "%s\\0", "", *words])
        assert shown.stdout.data == b"\0" + b"".join(word.encode() + b"\0" for word in words)
        assert (await run(AgentNode(agent), ["cat"], data)).stdout.data == data
        await agent.stop()

    anyio.run(check)
