"""One session in a container's terminal: whose shell it is, the transfer, the report, and the end.

Nothing is typed before it is known that a fresh shell shows and that nobody else looks on.
"""

# Tested through tests/guests/test_container_exec.py and tests/guests/test_container_early_ends.py.

from __future__ import annotations

import re
import time
from contextlib import suppress
from enum import IntEnum
from typing import TYPE_CHECKING

from proxmox_mcp.errors import GuestAnswerError, GuestError, GuestStateError, ProxmoxError
from proxmox_mcp.guests import script
from proxmox_mcp.guests.model import ExecResult
from proxmox_mcp.guests.ownership import Screen, in_use, prompt_of, refusal, terminals_of_others, too_old
from proxmox_mcp.guests.progress import running
from proxmox_mcp.guests.transfer import Transfer
from proxmox_mcp.guests.websocket import ClosedError
from proxmox_mcp.guests.window import Window

if TYPE_CHECKING:
    from proxmox_mcp.guests.model import GuestCommand, GuestOnNode
    from proxmox_mcp.guests.progress import Tell
    from proxmox_mcp.guests.terminal import GuestApi, Terminal
    from proxmox_mcp.guests.window import Patience

_INTERRUPT = b"\x03\n"
"""Ctrl-C, and a line: dash runs a trap only when the ``read`` that it is in has ended."""
_ROUNDING = 3
"""Ticks: start times in /proc are rounded."""
_WHILE_IT_RUNS = rb"(end|no-space|at:\d{0,12}:\d{0,12}):"
_END_OF_SESSION = rb"\[EOF - dtach terminating\]"


class _Stage(IntEnum):
    """How far a session is, which decides how it is left."""

    ATTACHED = 1  # nothing was typed
    NOT_OURS = 2  # it is left alone
    TYPED = 3  # the one line was typed; whether a shell reads it is not known
    READING = 4  # our shell reads lines
    RUNNING = 5  # the command runs
    REPORTING = 6  # the command has ended


class ContainerSession:
    """What is typed into one terminal, and what is read of it."""

    def __init__(
        self, cluster: GuestApi, guest: GuestOnNode, terminal: Terminal, patience: Patience, tell: Tell
    ) -> None:
        self._cluster, self._guest, self._terminal, self._patience = cluster, guest, terminal, patience
        self._tell = tell
        self._window = Window(terminal, patience)
        self._nonces = script.Nonces.make()
        self._stage = _Stage.ATTACHED
        self._age: int | None = None
        """Of the shell, in ticks, once it was told; ``_connected`` are the seconds that our connection had by then."""
        self._connected = 0.0
        self._answered = False
        self._started = 0.0
        """When the command was started; before that, nothing is told of it."""
        self.typed = (b"", b"")
        """The prompt at which the one line was typed, and that line."""

    async def run(self, command: GuestCommand, data: bytes, seconds: float, limit: int) -> ExecResult:
        """Raises GuestError, ProxmoxError, and ClosedError where the connection broke (``broken`` says what that means
        for the command)."""
        await self._own()
        await self._start_shell()
        transfer = Transfer(self._terminal, self._guest, self._patience.line)
        await transfer.hand_over(script.script(self._nonces, limit=limit))
        await self._ready_for_payload()
        await transfer.hand_over(command.as_text.encode())
        await transfer.hand_over(data)
        self._stage = _Stage.RUNNING
        self._started = time.monotonic()
        await self._say("go")
        report = await self._report(seconds)
        took = time.monotonic() - self._started
        await self._say("ok")
        return _result(report, took, timed_out=report.stopped and took >= seconds)

    async def _own(self) -> None:
        """Type nothing before it is known that a fresh shell shows and nobody else looks on."""
        screen = await self._window.first_screen()
        if screen is not Screen.PROMPT:
            self._stage = _Stage.NOT_OURS
            if self._terminal.ended:
                raise GuestStateError(
                    f"The terminal of {self._guest} ended at once. Nothing was run.",
                    "Does the container run, and does it have a shell for root?",
                )
            raise refusal(screen, self._guest)
        if users := await terminals_of_others(self._cluster, self._guest, {self._terminal.upid}):
            self._stage = _Stage.NOT_OURS
            raise in_use(self._guest, users)

    async def _start_shell(self) -> None:
        self._stage = _Stage.TYPED
        await self._type_line(script.bootstrap(self._nonces))
        await self._prove_ours()
        await self._marked(rb"(ready)")
        self._stage = _Stage.READING

    async def _type_line(self, line: bytes) -> None:
        self.typed = (prompt_of(self._terminal.shown), line)
        self._terminal.shown.clear()
        await self._terminal.type(line)

    async def _prove_ours(self) -> None:
        """Answer the typed line, which has told the age of the shell. One that we started is never older than our
        connection at this moment, however long all of it took."""
        if self._age is None:
            self._age = int(await self._marked(rb"age:(\d+):"))
            self._connected = time.monotonic() - self._terminal.since
        ours = self._age <= self._connected * script.TICKS + _ROUNDING
        answer = script.answer(self._nonces, ours=ours)
        await self._terminal.type(answer)
        self._answered = True
        if not ours:
            self._stage = _Stage.NOT_OURS
            # What is under way when a connection is closed may be lost; the line would wait for it.
            await self._terminal.until(re.escape(answer.strip()), self._patience.answer)
            raise too_old(self._guest)

    async def _marked(self, pattern: bytes) -> bytes:
        mark = self._nonces.mark.encode()
        found = await self._terminal.until(rb"\n%s:%s\r*\n" % (mark, pattern), self._patience.answer)
        if found is None:
            self._raise_if_broken()
            raise GuestStateError(
                f"The prompt of {self._guest} did not answer as a POSIX shell does. Nothing was run.",
                "The shell of root there must be sh, bash, dash, ash, ksh or zsh, with stty, env and base64.",
            )
        del self._terminal.shown[: found.end]
        return found.word

    async def _ready_for_payload(self) -> None:
        found = await self._terminal.until(
            self._words(rb"(ready|missing[^:\r\n]*|no-directory):"), self._patience.answer
        )
        if found is None:
            self._raise_if_broken()
            raise GuestAnswerError(f"The shell of {self._guest} does not answer. Nothing was run.", "Try again.")
        word = found.word.decode("ascii", "replace")
        del self._terminal.shown[: found.end]
        if word.startswith("missing"):
            raise GuestStateError(
                f"{self._guest} lacks programs that commands need: {' '.join(word.split()[1:])}. Nothing was run.",
                "Install them in the container (packages coreutils and util-linux, or busybox).",
            )
        if word != "ready":
            raise GuestStateError(
                f"{self._guest} has no directory that can be written to. Nothing was run.",
                "It takes one of /dev/shm, /run, /tmp and /var/tmp.",
            )
        await self._terminal.until(rb"\n", self._patience.line)
        self._terminal.shown.clear()

    async def _report(self, seconds: float) -> script.ScriptReport:
        """Wait for the end; the guest is told now and then that we still wait, and to stop when the time is over."""
        over = time.monotonic() + seconds
        while not await self._ended_within(min(self._patience.beat, over - time.monotonic())):
            self._raise_if_broken()
            if time.monotonic() < over:
                await self._say("beat")
                continue
            await self._say("stop")
            if not await self._ended_within(self._patience.stopping):
                self._raise_if_broken()
                raise GuestAnswerError(
                    f"The command did not end in {seconds:g} s, nor when it was killed.",
                    "It may go on: look for its process in the guest.",
                )
        self._stage = _Stage.REPORTING
        return await self._whole_report()

    async def _ended_within(self, seconds: float) -> bool:
        """Whether the command ends in that time. The guest's answer to a beat, how much it has put out, is told."""
        over = time.monotonic() + seconds
        while True:
            found = await self._terminal.until(self._words(_WHILE_IT_RUNS), max(over - time.monotonic(), 0.0))
            if found is None or not found.word.startswith(b"at:"):
                break
            put_out = sum(int(size or 0) for size in found.word.split(b":")[1:])
            del self._terminal.shown[: found.end]
            await self._tell(running(time.monotonic() - self._started, put_out))
        if found is not None and found.word == b"no-space":
            self._stage = _Stage.REPORTING
            raise GuestStateError(
                f"{self._guest} has no room for the command and its input. Nothing was run.", "Free space in it."
            )
        return found is not None

    async def _whole_report(self) -> script.ScriptReport:
        for _ in range(3):
            if await self._terminal.until(self._words(rb"done:"), self._patience.report) is None:
                self._raise_if_broken()
                break
            try:
                report = script.report_in(bytes(self._terminal.shown), self._nonces.nonce)
            except script.DamagedError:
                report = None
            if report is not None:
                return report
            self._terminal.shown.clear()
            await self._say("again")
        raise GuestAnswerError(
            f"The command ran in {self._guest}, and its output did not arrive whole.",
            "Something else writes to the terminal. Look at what the command did before you repeat it.",
        )

    def _words(self, pattern: bytes) -> bytes:
        return rb"\n%s:" % self._nonces.nonce.encode() + pattern

    async def _say(self, word: str) -> None:
        await self._terminal.type(f"{self._nonces.nonce}:{word}\n".encode())

    def _raise_if_broken(self) -> None:
        if self._terminal.ended:
            raise ClosedError

    def broken(self) -> GuestError:
        """The error for a connection that ended in the middle."""
        if self._stage < _Stage.RUNNING:
            return GuestAnswerError(
                f"The connection to the terminal of {self._guest} broke. The command was not run.", "Try again."
            )
        return GuestAnswerError(
            f"The connection to the terminal of {self._guest} broke while the command ran; its result is not known.",
            f"The guest stops the command within {2 * script.SILENCE:g} s. Look at what it did before you repeat it.",
        )

    @property
    def may_have_left_a_shell(self) -> bool:
        """Whether the connection ended before the shell in it was told what to do."""
        return self._terminal.ended and not self._answered

    async def leave(self) -> None:
        """End what was begun, as far as the connection still carries it."""
        with suppress(ClosedError, GuestError, ProxmoxError):
            await self._end_session()
            if self._stage is not _Stage.NOT_OURS:
                await self._terminal.until(_END_OF_SESSION, self._patience.ending)

    async def _end_session(self) -> None:
        if self._stage is _Stage.ATTACHED and await self._window.first_screen() is Screen.PROMPT:
            await self._type_line(script.bootstrap(self._nonces, leave=True))
            await self._prove_ours()
        elif self._stage is _Stage.ATTACHED:
            self._stage = _Stage.NOT_OURS
        elif self._stage is _Stage.TYPED:
            if not self._answered:
                await self._prove_ours()
            await self._marked(rb"(ready)")
            await self._terminal.type(_INTERRUPT)
        elif self._stage is _Stage.READING:
            await self._terminal.type(_INTERRUPT)
        elif self._stage is _Stage.RUNNING:
            await self._say("stop")
            ended = await self._ended_within(self._patience.stopping)
            await (self._say("ok") if ended else self._terminal.type(_INTERRUPT))
        elif self._stage is _Stage.REPORTING:
            await self._say("ok")


def _result(report: script.ScriptReport, seconds: float, *, timed_out: bool) -> ExecResult:
    notes = []
    if timed_out:
        notes.append("The command was stopped. What it started in sessions of their own may still run.")
    elif report.stopped:
        notes.append(f"The guest stopped the command, because it heard nothing from here for {script.SILENCE:g} s.")
    if report.held:
        notes.append(
            "A process in the background holds the output open. It goes on; what it prints from now on is thrown away."
        )
    return ExecResult(
        exit_code=None if report.stopped else report.exit_code,
        stdout=report.stdout,
        stderr=report.stderr,
        seconds=seconds,
        timed_out=timed_out,
        notes=tuple(notes),
    )
