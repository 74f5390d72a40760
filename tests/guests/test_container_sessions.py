"""The session of a person in a container's terminal is left as it is, whatever it shows."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from msgspec.structs import replace

from guests.container import BRIEF, PATIENT, run
from guests.node import Node, Person
from proxmox_mcp.errors import GuestError, GuestSessionError
from proxmox_mcp.guests import script

if TYPE_CHECKING:
    from guests.container import Clean

pytestmark = pytest.mark.anyio


def at_work(node: Node) -> Person:
    """A person with something unsaved in the session."""
    anna = node.person()
    anna.types("x=unsaved; echo rea''dy\r")
    anna.waits_for(b"ready")
    return anna


def finds_the_work(node: Node, typed: str) -> None:
    """The person comes back, and finds it as it was left."""
    anna = node.person()
    anna.types(typed)
    anna.waits_for(b"\runsaved-work")
    anna.closes_the_window()


async def test_a_person_who_is_at_the_console_is_not_disturbed(node: Node) -> None:
    anna = node.person()
    anna.types("echo one; cat\r")
    anna.waits_for(b"\rone")
    before = anna.sees

    with pytest.raises(GuestSessionError, match="anna@pam") as refused:
        await run(node, ["touch", str(node.directory / "ran")])

    assert "closed" in refused.value.advice
    anna.types("still here\r")
    anna.waits_for(b"still here\r\nstill here")
    assert anna.sees.startswith(before)
    assert not (node.directory / "ran").exists()
    assert not node.typed
    anna.closes_the_window()


@pytest.mark.parametrize("half", ["", "rm -rf unsaved", "echo a >"])
async def test_a_session_that_a_person_left_open_survives(node: Node, half: str) -> None:
    """With a readline it shows its prompt again when somebody attaches; what its age tells then."""
    anna = at_work(node)
    anna.types(half)
    await anyio.sleep(3)
    anna.closes_the_window()

    with pytest.raises(GuestSessionError, match=r"older than this connection|left a console session open") as refused:
        await run(node, ["touch", str(node.directory / "ran")], patience=BRIEF)

    assert "exit" in refused.value.advice
    assert bool(node.typed) <= (not half)
    anna = node.person()
    anna.types("\x03")
    anna.waits_for(b"^C")
    anna.types("\recho $x-work\r")
    anna.waits_for(b"unsaved-work")
    assert not (node.directory / "ran").exists()
    anna.closes_the_window()


async def test_a_persons_enter_is_not_taken_for_an_answer_that_did_not_come(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line that asks for the age of a new shell ends that shell if nobody answers, since then it is ours."""
    monkeypatch.setattr(script, "SILENCE", 25.0)  # the most that a terminal counts
    anna = at_work(node)
    anna.closes_the_window()

    node.breaks_after = len(script.bootstrap(script.Nonces.make()))
    with pytest.raises(GuestError):  # that it broke, or how old the shell is if that came before
        await run(node, "true", patience=BRIEF)

    finds_the_work(node, "\recho $x-work\r")


async def test_half_a_line_of_ours_goes_from_a_session_that_a_person_left_and_the_session_stays(node: Node) -> None:
    anna = at_work(node)
    await anyio.sleep(1)
    anna.closes_the_window()

    node.breaks_after = 300
    with pytest.raises(GuestError, match="broke"):
        await run(node, "true", patience=replace(PATIENT, ending=1))

    finds_the_work(node, "echo $x-work\r")


async def test_nothing_is_typed_where_a_program_runs_that_a_person_left(node: Node) -> None:
    anna = node.person()
    anna.types("echo rea''dy; cat\r")
    anna.waits_for(b"ready")
    anna.closes_the_window()

    with pytest.raises(GuestSessionError, match="shows nothing where a new one shows a prompt"):
        await run(node, ["touch", str(node.directory / "ran")], patience=BRIEF)

    assert not node.typed


async def test_a_program_that_a_person_left_running_gets_no_keys(node: Node) -> None:
    anna = node.person()
    anna.types("while sleep 0.1; do printf 'root@web:~# '; done\r")
    anna.waits_for(b"# root@web:~# root")
    anna.closes_the_window()

    with pytest.raises(GuestSessionError):
        await run(node, "true", patience=BRIEF)

    assert not node.typed


async def test_a_person_who_comes_while_the_prompt_is_waited_for_has_the_session_to_themselves(node: Node) -> None:
    people: list[Person] = []

    async def get(path: str, params: Any = None) -> Any:
        tasks = await Node.get(node, path, params)
        if path.endswith("/tasks") and node.clients and not people:
            people.append(node.person())
            return await Node.get(node, path, params)
        return tasks

    node.get = get  # type: ignore[method-assign]
    with pytest.raises(GuestSessionError, match="anna@pam"):
        await run(node, ["touch", str(node.directory / "ran")])

    assert not node.typed
    people[0].types("echo $((6*7))\r")
    people[0].waits_for(b"\r42")
    people[0].closes_the_window()


async def test_keys_that_a_person_presses_into_the_transfer_stop_it_before_anything_runs(
    node: Node, clean: Clean
) -> None:
    people: list[Person] = []

    def meddle() -> None:
        if not people and len(node.typed) > 3000:
            people.append(Person(node, listed=False))
            people[0].types("rm -rf x\r")
            people[0].waits_for(b"rm -rf x")

    node.as_typed = meddle
    with pytest.raises(GuestSessionError, match="else writes to the terminal"):
        await run(node, ["touch", str(node.directory / "ran")], os.urandom(20_000))

    assert not (node.directory / "ran").exists()
    people[0].closes_the_window()
    await clean(node)
