"""Commands in a container over its terminal, against a real dtach and real shells."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from guests.container import PATIENT, environment_with, run
from guests.node import USER, VMID, Node
from patience import PATIENCE, eventually
from proxmox_mcp.errors import GuestAnswerError, GuestSessionError, GuestStateError, GuestVersionError
from proxmox_mcp.guests import script, websocket
from proxmox_mcp.guests.window import Patience
from tools import needs, required

if TYPE_CHECKING:
    from pathlib import Path

    from guests.container import Clean
    from proxmox_mcp.guests.model import ExecResult

pytestmark = pytest.mark.anyio


async def test_output_errors_and_exit_code_come_apart(node: Node, clean: Clean) -> None:
    result = await run(node, "echo out; echo err >&2; exit 7")

    assert (result.stdout.data, result.stderr.data, result.exit_code) == (b"out\n", b"err\n", 7)
    await clean(node)


@pytest.mark.parametrize("code", [0, 1, 2, 126, 127, 128, 255])
async def test_every_exit_code_arrives(node: Node, code: int) -> None:
    assert (await run(node, f"exit {code}")).exit_code == code


async def test_a_list_runs_without_a_shell_reading_it(node: Node) -> None:
    words = ["printf", "%s|", "a b", "$HOME", "`id`", "it's", 'a "quote"', "line\nbreak", "", "*", "ü€😀", "\\n", "-n"]

    assert (await run(node, words)).stdout.text == "".join(f"{word}|" for word in words[2:])


async def test_a_program_that_is_not_there_is_127(node: Node) -> None:
    result = await run(node, ["no-such-program", "x"])

    assert result.exit_code == 127
    assert b"no-such-program" in result.stderr.data


async def test_a_list_is_ended_by_a_signal_as_its_program_was(node: Node) -> None:
    assert (await run(node, ["sh", "-c", "kill -9 $$"])).exit_code == 137


async def test_100_kb_of_any_bytes_arrive_whole(node: Node) -> None:
    data = bytes(range(256)) * 400

    result = await run(node, "cat; cat /nonexistent >&2", data)

    assert result.stdout.data == data
    assert not result.stdout.cut


async def test_characters_that_are_torn_between_frames_are_whole_again(node: Node) -> None:
    text = "ü€😀" * 10_000

    result = await run(node, "cat; cat /nonexistent >&2", text.encode())

    assert result.stdout.text == text


@given(
    words=st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), max_size=40),
    text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
)
@settings(max_examples=6, deadline=None)
def test_any_command_runs_exactly_as_it_is_written(
    tmp_path_factory: pytest.TempPathFactory, words: list[str], text: str
) -> None:
    """A list reaches its program word by word; a text is what the shell reads, whatever the lines in it are."""
    required("dtach")

    async def both() -> tuple[ExecResult, ExecResult]:
        node = Node(tmp_path_factory.mktemp("container"))
        await node.start()
        try:
            listed = await run(node, ["printf", "%s\\0", "first", *words])
            return listed, await run(node, f"cat <<'end of the text'\n{text}\nend of the text\n")
        finally:
            await node.stop()

    listed, written = anyio.run(both)
    assert listed.stdout.data == b"".join(word.encode() + b"\0" for word in ["first", *words])
    assert written.stdout.data == f"{text}\n".encode()


async def test_60_kb_of_input_arrive_whole_and_in_one_piece(node: Node) -> None:
    data = os.urandom(60_000)

    result = await run(node, ["sha256sum"], data)

    assert result.stdout.text.split()[0] == hashlib.sha256(data).hexdigest()
    assert not any(client.torn for client in node.clients)


async def test_5_mb_are_cut_to_a_mib_and_say_how_much_came_after(node: Node, clean: Clean) -> None:
    result = await run(node, "head -c 5000000 /dev/zero | tr '\\0' x; echo end >&2")

    assert result.stdout.data == b"x" * (1 << 20)
    assert result.stdout.cut
    # What a reader had taken when the file was full is not counted: a buffer's worth.
    assert result.stdout.dropped is not None
    assert 3_600_000 < result.stdout.dropped <= 5_000_000 - (1 << 20)
    assert (result.stderr.data, result.stderr.cut) == (b"end\n", False)
    await clean(node)


async def test_exactly_the_limit_is_not_cut(node: Node) -> None:
    result = await run(node, "head -c 5000 /dev/zero; head -c 5001 /dev/zero >&2", limit=5000)

    assert (len(result.stdout.data), result.stdout.cut, result.stdout.dropped) == (5000, False, 0)
    assert (len(result.stderr.data), result.stderr.cut, result.stderr.dropped) == (5000, True, 1)


async def test_what_takes_longer_than_it_may_is_stopped_and_what_it_said_is_kept(node: Node, clean: Clean) -> None:
    result = await run(node, "echo begun; sleep 1000; echo never", seconds=1)

    assert result.timed_out
    assert result.exit_code is None
    assert result.stdout.data == b"begun\n"
    await clean(node)


@pytest.mark.parametrize("shell", ["bash", "ash"])
async def test_while_a_command_runs_it_is_told_for_how_long_and_what_it_has_put_out(tmp_path: Path, shell: str) -> None:
    required("dtach")
    node = Node(tmp_path, shell=(shell, "-i"), environment=environment_with(shell, tmp_path))
    await node.start()
    told: list[str] = []
    enough = tmp_path / "enough"

    async def tell(text: str) -> None:
        told.append(text)
        if "12 bytes" in text:
            enough.touch()

    try:
        command = f"echo 12345; echo 54321 >&2; until [ -e {enough} ]; do sleep 0.1; done; echo end"
        result = await run(node, command, patience=replace(PATIENT, beat=0.1), tell=tell)
        await eventually(lambda: not node.left_over, lambda: f"the end of {node.left_over}")
    finally:
        await node.stop()

    assert (result.stdout.data, result.stderr.data, result.exit_code) == (b"12345\nend\n", b"54321\n", 0)
    assert told[-1].endswith("s, 12 bytes of output so far")
    assert all(text.startswith("the command has run for ") for text in told)


async def test_a_child_that_ignores_term_is_killed(node: Node, clean: Clean) -> None:
    result = await run(node, "trap '' TERM; echo on; (trap '' TERM; sleep 1000; sleep 1000) ; sleep 1000", seconds=1)

    assert result.timed_out
    assert result.stdout.data == b"on\n"
    await clean(node)


async def test_a_child_that_keeps_the_pipe_does_not_hold_up_the_result_and_lives_on(node: Node, clean: Clean) -> None:
    result = await run(node, "(while sleep 0.1; do echo more; done) & echo $!")
    child = int(result.stdout.text.split()[0])

    assert result.exit_code == 0
    assert "background" in result.notes[0]
    await anyio.sleep(1)
    os.kill(child, 0)  # It was not ended by a pipe that nobody reads.
    assert not [line for line in node.left_over if line.startswith(("sh -c ulimit", "bash", "sh -c stty"))]

    os.kill(child, 9)
    await clean(node)


async def test_a_command_has_no_terminal_to_write_its_own_report_on(node: Node) -> None:
    result = await run(node, "echo forged >/dev/tty || echo none; ls -l /proc/self/fd | grep -c /dev/pts; tty")

    assert b"none" in result.stdout.data
    assert b"\n0\n" in result.stdout.data
    assert b"not a tty" in result.stdout.data


async def test_a_command_sees_nothing_of_ours_in_its_environment(node: Node) -> None:
    result = await run(node, "tr '\\0' '\\n' </proc/self/environ; env; cat /proc/$PPID/cmdline; echo; pwd; umask")

    nonces = [line for line in bytes(node.typed).decode("latin-1").splitlines() if line.endswith(":go")]
    assert nonces[0].removesuffix(":go").encode() not in result.stdout.data
    assert b"HISTFILE" not in result.stdout.data
    assert b"\nH=" not in result.stdout.data
    assert f"\n/\n{os.umask(os.umask(0o022)):04o}\n".encode() in result.stdout.data


@pytest.mark.parametrize("shell", [("bash", "-i"), ("dash", "-i"), ("ash", "-i")])
async def test_no_history_tells_of_it(tmp_path: Path, shell: tuple[str, ...]) -> None:
    required("dtach")
    node = Node(tmp_path, shell=shell, environment=environment_with(shell[0], tmp_path))
    await node.start()
    history = {"bash": ".bash_history", "dash": ".sh_history", "ash": ".ash_history"}[shell[0]]
    (node.home / history).write_text("what was there before\n")
    if shell[0] == "bash":
        (node.home / ".bashrc").write_text("shopt -s histappend\nHISTCONTROL=\nPROMPT_COMMAND='history -a'\nPS1='# '\n")
    try:
        result = await run(node, "echo secret-thing")
        await eventually(lambda: not node.left_over)
    finally:
        await node.stop()

    assert result.stdout.data == b"secret-thing\n"
    assert (node.home / history).read_text() == "what was there before\n"


@pytest.mark.parametrize("limit", [0, 1])
async def test_two_commands_after_each_other_find_a_fresh_session(node: Node, limit: int) -> None:
    for number in range(3):
        assert (await run(node, ["echo", str(number)], limit=limit or 100)).stdout.data == str(number).encode()[:1] + (
            b"" if limit else b"\n"
        )


# What is not a shell.


async def test_a_login_prompt_is_left_alone_with_the_cure(node: Node) -> None:
    node.variant = "login"

    with pytest.raises(GuestStateError, match="login prompt") as refused:
        await run(node, "true")

    assert "reboot" in refused.value.advice
    assert not node.typed


async def test_a_prompt_of_something_else_than_a_posix_shell_gets_one_line_and_no_more(node: Node) -> None:
    node.shell = ("sh", "-c", "printf 'mysql> '; cat >/dev/null")

    with pytest.raises(GuestStateError, match="POSIX shell"):
        await run(node, "true", patience=Patience(prompt=PATIENCE, answer=1, ending=1))

    assert node.typed.count(b"\r") == 1


async def test_missing_programs_are_named(tmp_path: Path, clean: Clean) -> None:
    required("dtach")
    few = tmp_path / "few"
    few.mkdir()
    for name in ("sh", "base64", "stty", "env", "bash", "cat", "rm", "mkdir", "tr", "wc", "sleep", "head"):
        (few / name).symlink_to(required(name))
    node = Node(tmp_path, environment={"PATH": str(few)})
    await node.start()
    try:
        with pytest.raises(GuestStateError, match="lacks programs that commands need: mkfifo setsid sha256sum"):
            await run(node, "true")
        await clean(node)
    finally:
        await node.stop()


# Nodes.


async def test_a_node_that_is_too_old_says_which_versions_it_needs(node: Node) -> None:
    node.variant = "old"

    with pytest.raises(GuestVersionError, match="without taking its ticket") as refused:
        await run(node, "true")

    assert "6.1.3" in refused.value.advice
    assert "5.3.4" in refused.value.advice


async def test_a_node_that_never_answers_the_handshake_is_given_up(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    node.variant = "hang"
    monkeypatch.setattr(websocket, "HANDSHAKE_SECONDS", 0.5)

    with pytest.raises(GuestAnswerError, match="did not answer the opening"):
        await run(node, "true")


async def test_a_node_that_closes_early_is_told(node: Node) -> None:
    class Closing(Node):
        async def shake_hands(self, reader: Any, writer: Any) -> None:
            await reader.readuntil(b"\r\n\r\n")

    node.__class__ = Closing
    with pytest.raises(GuestAnswerError, match="closed the terminal's connection"):
        await run(node, "true")


async def test_a_socket_that_stays_open_after_the_end_does_not_hold_up_the_result(node: Node, clean: Clean) -> None:
    node.variant = "stays"

    assert (await run(node, "echo done")).stdout.data == b"done\n"
    await clean(node)


async def test_a_wrong_ticket_is_told_from_a_node_that_is_too_old(node: Node) -> None:
    class Wrong(Node):
        async def credentials(self, host: object) -> dict[str, str]:
            return {"Authorization": "PVEAPIToken=nobody"}

    node.__class__ = Wrong
    with pytest.raises(GuestAnswerError, match="401"):
        await run(node, "true")


async def test_the_call_waits_until_proxmox_no_longer_lists_its_own_terminal(node: Node) -> None:
    await run(node, "true")

    assert node.tasks == []


async def test_own_tasks_are_told_from_others_by_their_upid_and_not_by_the_user(node: Node) -> None:
    node.tasks.append({"upid": "UPID:other", "id": str(VMID), "type": "vncproxy", "user": USER})

    with pytest.raises(GuestSessionError, match="op@pve!mcp"):
        await run(node, "true")


@needs("dtach")
def test_the_terminals_buffers_hold_what_may_be_under_way() -> None:
    frame = len(f"0:{script.LINE + 1}:") + script.LINE + 1
    assert script.WINDOW * frame < 4096
    assert len(script.bootstrap(script.Nonces.make())) < 1024  # busybox's line editor takes no more
