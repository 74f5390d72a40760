"""A command in a container whose connection breaks, or whose call is cancelled, leaves nothing behind."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from guests.container import BRIEF, environment_with, run
from guests.node import Node, Person
from patience import PATIENCE, eventually
from proxmox_mcp.errors import GuestAnswerError, GuestError, GuestSessionError
from proxmox_mcp.guests import script
from proxmox_mcp.guests.window import Patience
from tools import required

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from guests.container import Clean

pytestmark = pytest.mark.anyio

SLOW = pytest.mark.slow


@pytest.mark.parametrize("when", [1, pytest.param(600, marks=SLOW), pytest.param(4000, marks=SLOW), 9000])
async def test_a_connection_that_breaks_leaves_nothing_behind(
    node: Node, clean: Clean, monkeypatch: pytest.MonkeyPatch, when: int
) -> None:
    """The guest's side ends itself by silence, wherever the connection broke."""
    monkeypatch.setattr(script, "SILENCE", 2.0)

    assert "broke" in (await run_cut_off(node, when)).message
    await clean(node)


@pytest.mark.parametrize("when", [900, pytest.param(4000, marks=SLOW), pytest.param(9000, marks=SLOW)])
async def test_a_connection_that_breaks_leaves_nothing_behind_in_busybox_either(
    tmp_path: Path, clean: Clean, monkeypatch: pytest.MonkeyPatch, when: int
) -> None:
    """Its ``read`` waits in ``poll``, which the time limit of a terminal doesn't end."""
    monkeypatch.setattr(script, "SILENCE", 2.0)
    required("dtach")
    node = Node(tmp_path, shell=("ash", "-i"), environment=environment_with("ash", tmp_path))
    await node.start()
    try:
        assert "broke" in (await run_cut_off(node, when)).message
        await clean(node)
    finally:
        await node.stop()


async def run_cut_off(node: Node, when: int) -> GuestAnswerError:
    """Runs a long command whose connection breaks once so many bytes are typed: the error."""

    async def cut() -> None:
        await eventually(lambda: len(node.typed) >= when)
        node.drop_connections()

    async with anyio.create_task_group() as group:
        group.start_soon(cut)
        broken: GuestError | None = None
        try:
            await run(node, "sleep 1000", os.urandom(4000))
        except GuestError as error:
            broken = error
    assert isinstance(broken, GuestAnswerError)
    return broken


REACHED: dict[str, Callable[[int], int]] = {
    "one byte": lambda line: 1,
    "enough to tell whose it is": lambda line: script.TOLD_BY,
    "the window's edge": lambda line: 80 - len("root@web:~# "),
    "a byte more": lambda line: 81 - len("root@web:~# "),
    "the middle": lambda line: line // 2,
    "all but the Enter": lambda line: line - 1,
    "all": lambda line: line,
    "a beginning of the answer": lambda line: line + 8,
}


@pytest.mark.parametrize("reached", REACHED)
@pytest.mark.parametrize("shell", ["bash", pytest.param("ash", marks=pytest.mark.slow)])
async def test_a_connection_that_breaks_in_the_middle_of_the_line_or_its_answer_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shell: str, reached: str
) -> None:
    monkeypatch.setattr(script, "SILENCE", 1.0)
    await leaves_nothing_behind(tmp_path, shell, reached)


@pytest.mark.parametrize("reached", ["one byte", "the middle"])
@pytest.mark.parametrize("shell", ["bash", "ash"])
@pytest.mark.parametrize("lost", [1, pytest.param(2, marks=pytest.mark.slow)])
async def test_a_window_whose_changes_of_size_are_lost_is_drawn_again_all_the_same(
    tmp_path: Path, shell: str, reached: str, lost: int
) -> None:
    # Not always all of them: an echo that comes late is drawn too.
    assert await leaves_nothing_behind(tmp_path, shell, reached, sizes_lost=lost) < lost


async def leaves_nothing_behind(directory: Path, shell: str, reached: str, *, sizes_lost: int = 0) -> int:
    """Once the connection has broken at that place, and another has ended what it left: how many changes of size would
    be lost still."""
    required("dtach")
    program = ("bash", "--norc", "--noprofile", "-i") if shell == "bash" else ("ash", "-i")
    breaks_after = REACHED[reached](len(script.bootstrap(script.Nonces.make())))
    environment = environment_with(shell, directory)
    node = Node(directory, shell=program, environment=environment, breaks_after=breaks_after, sizes_lost=sizes_lost)
    await node.start()
    try:
        with pytest.raises(GuestAnswerError, match="broke"):
            await run(node, ["touch", str(directory / "ran")])
        assert not (directory / "ran").exists()
        await eventually(lambda: not node.left_over, lambda: f"the end of {node.left_over}")
        return node.sizes_lost
    finally:
        await node.stop()


@pytest.mark.parametrize("reached", [2, script.TOLD_BY - 1])
async def test_a_beginning_of_the_line_that_could_be_anybodys_is_left_alone(node: Node, reached: int) -> None:
    node.breaks_after = reached
    with pytest.raises(GuestAnswerError, match="broke"):
        await run(node, "true", patience=BRIEF)

    assert node.left_over
    assert node.typed.count(b"\x15") == 0


async def test_half_a_line_at_which_somebody_else_is_by_then_is_left_alone(node: Node) -> None:
    people: list[Person] = []

    async def get(path: str, params: Any = None) -> Any:
        if path.endswith("/tasks") and len(node.tickets) == 0 and node.breaks_after is None and not people:
            people.append(node.person())
        return await Node.get(node, path, params)

    node.get = get  # type: ignore[method-assign]
    node.breaks_after = 300
    with pytest.raises(GuestAnswerError, match="broke"):
        await run(node, "true", patience=BRIEF)

    assert node.typed.count(b"\x15") == 0
    people[0].types("\x15echo $((6*7))\r")
    people[0].waits_for(b"\r42")
    people[0].closes_the_window()


async def test_half_a_line_in_dash_stays_as_the_documents_say(tmp_path: Path) -> None:
    """It shows nothing to those who come later."""
    required("dtach")
    node = Node(tmp_path, shell=(required("dash"), "-i"), breaks_after=300)
    await node.start()
    try:
        with pytest.raises(GuestAnswerError, match="broke"):
            await run(node, "true", patience=BRIEF)
        with pytest.raises(GuestSessionError, match="left a console session open"):
            await run(node, "true", patience=BRIEF)
        person = node.person()
        person.types("\x03")
        person.waits_for(b"# ")
        person.types("exit\r")
        await eventually(lambda: not node.left_over, lambda: f"the end of {node.left_over}")
        person.closes_the_window()
    finally:
        await node.stop()


@pytest.mark.parametrize("when", ["before the prompt", "after the prompt"])
@pytest.mark.parametrize("shell", ["bash", "ash"])
async def test_a_connection_that_breaks_before_anything_is_typed_leaves_no_shell(
    tmp_path: Path, clean: Clean, shell: str, when: str
) -> None:
    """Such a shell would wait at its prompt for somebody to open the console: another connection ends it."""
    required("dtach")
    node = Node(tmp_path, shell=(shell, "-i"), environment=environment_with(shell, tmp_path))
    dropped: list[int] = []

    async def get(path: str, params: Any = None) -> Any:
        if path.endswith("/tasks") and node.clients and not dropped and when == "after the prompt":
            dropped.append(len(node.typed))
            node.drop_connections()
        return await Node.get(node, path, params)

    async def drop() -> None:
        await eventually(lambda: node.clients and node.clients[0].process)
        dropped.append(len(node.typed))
        node.drop_connections()

    node.get = get  # type: ignore[method-assign]
    await node.start()
    try:
        async with anyio.create_task_group() as group:
            if when == "before the prompt":
                group.start_soon(drop)
            failure: GuestError | None = None
            try:
                await run(node, ["touch", str(tmp_path / "ran")], patience=Patience(prompt=5))
            except GuestError as error:
                failure = error
        assert failure is not None
        assert dropped == [0]
        assert not (tmp_path / "ran").exists()
        await clean(node)
    finally:
        await node.stop()


async def test_a_connection_that_breaks_while_a_prompt_settles_ends_the_wait(node: Node) -> None:
    """The prompt still shows then, and nothing follows it."""

    async def drop() -> None:
        await eventually(lambda: node.clients and node.clients[0].process)
        await eventually(lambda: b"root@web" in node.clients[0].sent)
        node.drop_connections()

    async with anyio.create_task_group() as group:
        group.start_soon(drop)
        with pytest.raises(GuestAnswerError, match="broke"):
            await run(node, "true", patience=Patience(prompt=5, settle=1))


async def test_a_shell_in_which_somebody_else_is_by_then_is_not_ended(node: Node) -> None:
    people: list[Person] = []

    async def get(path: str, params: Any = None) -> Any:
        if path.endswith("/tasks") and node.clients and not people:
            people.append(node.person())
            node.drop_connections()
        return await Node.get(node, path, params)

    node.get = get  # type: ignore[method-assign]
    with pytest.raises(GuestError):
        await run(node, ["touch", str(node.directory / "ran")])

    assert not node.typed
    people[0].types("echo $((6*7))\r")
    people[0].waits_for(b"\r42")
    people[0].closes_the_window()


@pytest.mark.parametrize("when", [0, 1, 600, 4000, 9000])
async def test_a_call_that_is_cancelled_leaves_nothing_behind(node: Node, clean: Clean, when: int) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(run, node, "sleep 1000", os.urandom(4000))
        await eventually(lambda: any(client.process for client in node.clients))
        await eventually(lambda: len(node.typed) >= when)
        group.cancel_scope.cancel()

    await clean(node)
    assert (await run(node, "echo next")).stdout.data == b"next\n"


async def test_a_command_that_outlives_its_kill_is_told(node: Node) -> None:
    """Such as one in uninterruptible sleep: here a guest that does not hear the word."""
    real = node.get
    del real
    with pytest.raises(GuestAnswerError, match="nor when it was killed"):
        await run(node, "kill -STOP $PPID; sleep 5", seconds=0.5, patience=Patience(prompt=PATIENCE, stopping=0.5))
