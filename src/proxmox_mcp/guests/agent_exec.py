"""One command in a VM, through the QEMU guest agent: ``agent/exec``, then ``agent/exec-status`` until it has ended.

From Proxmox's source (``PVE::QemuServer::Agent``, ``PVE::API2::Qemu::Agent``, 9.2): input and output are bytes that
travel as text with one character for each byte (Latin-1): ``input-data`` is put into base64 as it is, at most 64 KiB,
and a character beyond U+00FF is a 500; ``out-data`` and ``err-data`` come back the same way. From the agent's
(``qga/commands.c``): a result is given once, when the process has ended and both its outputs are closed, and holds
16 MiB of each at the most.
"""

from __future__ import annotations

import base64
import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

import anyio

from proxmox_mcp.errors import GuestAnswerError, GuestStateError, InvalidCallError, ProxmoxError
from proxmox_mcp.guests.model import MAX_OUTPUT, ExecResult, Output, kept
from proxmox_mcp.guests.progress import TELL_SECONDS, running, tell_nobody

if TYPE_CHECKING:
    from proxmox_mcp.apidoc.model import Wire
    from proxmox_mcp.guests.model import GuestCommand, GuestOnNode
    from proxmox_mcp.guests.progress import Tell
    from proxmox_mcp.guests.terminal import GuestApi

MAX_AT_ONCE = 48 * 1024
"""Bytes of input in one call: in base64 they fit into ``input-data``."""
FIRST_LOOK, LONGEST_LOOK = 0.1, 1.0
AFTER_KILL = 8.0
_MEMORY = "/dev/shm"  # noqa: S108
"""A directory of the guest that no disk has; what is made there has a random name and is nobody else's to read."""

_KILL_TREE = r"""a=$1 n=$1
while [ -n "$n" ]; do
  m=
  for f in /proc/[0-9]*/stat; do
    read -r x <"$f" || continue
    s=${x##*) }; s=${s#* }
    for p in $n; do [ "${s%% *}" = "$p" ] && m="$m ${x%% *}"; done
  done 2>/dev/null
  a="$a$m" n=$m
done
kill -TERM $a; sleep 2; kill -KILL $a"""
"""Ends a process and its descendants: the agent starts a command in its own process group, and can't stop it."""
_FROM_FILE = 'exec <"$1" || exit 126; rm -f "$1"; shift; exec "$@"'
_STAGE = 'umask 077; base64 -d >>"$1"'
_NOT_FOUND = ("no such file or directory", "cannot find the file", "failed to execute child process")


async def run_in_vm(
    cluster: GuestApi,
    guest: GuestOnNode,
    command: GuestCommand,
    data: bytes,
    seconds: float,
    *,
    windows: bool = False,
    limit: int = MAX_OUTPUT,
    after_kill: float = AFTER_KILL,
    tell: Tell = tell_nobody,
) -> ExecResult:
    """Run one command; ``tell`` hears how long it has run. Raises GuestError where it did not run or its result is not
    known, else ProxmoxError."""
    if windows and command.for_a_shell:
        raise InvalidCallError(
            "A command for a Windows guest must be a list: there is no POSIX shell that would run a text.",
            'Name the shell: ["powershell.exe", "-NoProfile", "-Command", "Get-Service"].',
        )
    if windows and len(data) > MAX_AT_ONCE:
        raise InvalidCallError(
            f"A Windows guest takes {MAX_AT_ONCE} bytes of input at once; this is {len(data)}.",
            "Write a file in parts with agent/file-write.",
        )
    agent = _Agent(cluster, guest)
    started = time.monotonic()
    if len(data) <= MAX_AT_ONCE:
        process = await agent.start(command.posix_argv, data)
    else:
        process = await _start_from_file(agent, command, data)
    if isinstance(process, ExecResult):
        return process
    timed_out = False
    status: dict[str, Any] | None = None
    try:
        status = await agent.ended_within(process, seconds - (time.monotonic() - started), tell)
        if status is None:
            timed_out = True
            await agent.kill(process, windows=windows)
            status = await agent.ended_within(process, after_kill)
    except BaseException:
        with anyio.CancelScope(shield=True), anyio.move_on_after(after_kill), suppress(ProxmoxError, GuestAnswerError):
            await agent.kill(process, windows=windows)
        raise
    took = time.monotonic() - started
    if status is None:
        raise GuestAnswerError(
            f"The command did not end in {seconds:g} s, nor when process {process} was killed: its output is lost.",
            "A process in the background that holds its output keeps the agent waiting: start such a process with its "
            "output redirected (>/dev/null 2>&1 &). Look at what the command did before you repeat it.",
        )
    return _result(status, took, limit, timed_out=timed_out)


class Gets(Protocol):
    """What reads from a cluster."""

    async def get(self, path: str, params: Wire | None = None) -> Any: ...


async def result_within(
    cluster: Gets, guest: GuestOnNode, process: int, seconds: float, tell: Tell = tell_nobody
) -> ExecResult | None:
    """The result of a process that the agent of a VM has started; None if it does not end within ``seconds``.

    The agent gives a result once. Raises GuestAnswerError where it can't be read.
    """
    started = time.monotonic()
    status = await _ended_within(cluster, guest, process, seconds, tell)
    return _result(status, time.monotonic() - started, MAX_OUTPUT, timed_out=False) if status else None


async def _ended_within(
    cluster: Gets, guest: GuestOnNode, process: int, seconds: float, tell: Tell = tell_nobody
) -> dict[str, Any] | None:
    """The final status of a process, or None. It is given once: nothing may be lost in asking for it."""
    started, pause = time.monotonic(), FIRST_LOOK
    over, told = started + seconds, started
    while True:
        with anyio.CancelScope(shield=True):
            status = await _status(cluster, guest, process)
        if status.get("exited"):
            return status
        now = time.monotonic()
        if now >= over:
            return None
        if now - told >= TELL_SECONDS:
            told = now
            await tell(running(now - started))
        await anyio.sleep(min(pause, max(0.0, over - time.monotonic())))
        pause = min(pause * 1.5, LONGEST_LOOK)


async def _status(cluster: Gets, guest: GuestOnNode, process: int) -> dict[str, Any]:
    try:
        status: Any = await cluster.get(f"{guest.path}/agent/exec-status", {"pid": str(process)})
    except ProxmoxError as error:
        raise GuestAnswerError(
            f"The command was started in {guest} (process {process}), and its result can't be read: {error.message}",
            "Look at what it did before you repeat it.",
        ) from error
    return status if isinstance(status, dict) else {}


class _Agent:
    def __init__(self, cluster: GuestApi, guest: GuestOnNode) -> None:
        self._cluster, self._guest = cluster, guest

    async def start(self, argv: tuple[str, ...], data: bytes = b"") -> int | ExecResult:
        """The number of the process in the guest, or the result where there is no such program."""
        params: Wire = {"command": list(argv)}
        if data:
            params["input-data"] = data.decode("latin-1")
        try:
            answer = (await self._cluster.post(f"{self._guest.path}/agent/exec", params)).data
        except ProxmoxError as error:
            if any(words in error.message.lower() for words in _NOT_FOUND):
                said = Output(f"{argv[0]}: the agent can't start this program: {error.message}\n".encode())
                return ExecResult(exit_code=127, stdout=Output(), stderr=said, seconds=0.0)
            raise self._explained(error) from error
        process = answer.get("pid")
        if not isinstance(process, int):
            raise GuestAnswerError("The agent started the command and named no process.", "Its result is not known.")
        return process

    async def ended_within(self, process: int, seconds: float, tell: Tell = tell_nobody) -> dict[str, Any] | None:
        return await _ended_within(self._cluster, self._guest, process, seconds, tell)

    async def kill(self, process: int, *, windows: bool) -> None:
        argv: tuple[str, ...] = ("sh", "-c", _KILL_TREE, "sh", str(process))
        if windows:
            argv = ("taskkill.exe", "/PID", str(process), "/T", "/F")
        await self.start(argv)

    async def stage(self, file: str, part: bytes) -> None:
        """Append a part of the input, in base64, to a file in the guest."""
        if not await self.finish(("sh", "-c", _STAGE, "sh", file), part):
            raise GuestStateError(
                "The guest did not take the input. Nothing was run.",
                f"Long input needs sh and base64 in the guest, and room in {_MEMORY}.",
            )

    async def finish(self, argv: tuple[str, ...], data: bytes = b"") -> bool:
        """Run one of our own steps to its end; whether it succeeded."""
        process = await self.start(argv, data)
        if isinstance(process, ExecResult):
            return False
        status = await self.ended_within(process, 30.0)
        return status is not None and status.get("exitcode") == 0

    def _explained(self, error: ProxmoxError) -> Exception:
        said = error.message.lower()
        if "no qemu guest agent configured" in said:
            return GuestStateError(
                f"{self._guest} has no guest agent configured. Nothing was run.",
                f'Install qemu-guest-agent in it, PUT {self._guest.path}/config with {{"agent": "1"}}, then stop and '
                "start the VM.",
            )
        if "guest agent is not running" in said:
            return GuestStateError(
                f"The guest agent of {self._guest} does not answer. Nothing was run.",
                "Install and start qemu-guest-agent in the guest; after a start of the VM give it a minute (wait_for).",
            )
        if "not running" in said:
            return stopped(self._guest)
        if "disabled" in said or "not allowed" in said or "has not been found" in said:
            return GuestStateError(
                f"The guest agent of {self._guest} forbids guest-exec. Nothing was run.",
                "Allow it there: in /etc/sysconfig/qemu-ga (BLACKLIST_RPC) or /etc/qemu/qemu-ga.conf (block-rpcs).",
            )
        return error


def stopped(guest: GuestOnNode) -> GuestStateError:
    """The guest doesn't run."""
    return GuestStateError(f"{guest} is stopped. Nothing was run.", f"Start it: POST {guest.path}/status/start.")


async def _start_from_file(agent: _Agent, command: GuestCommand, data: bytes) -> int | ExecResult:
    """Start a command whose input is too long for one call: a file that is gone once the command has it open."""
    file = f"{_MEMORY}/.{secrets.token_hex(8)}"
    try:
        for start in range(0, len(data), MAX_AT_ONCE):
            part = base64.b64encode(data[start : start + MAX_AT_ONCE])
            await agent.stage(file, part)
        return await agent.start(("sh", "-c", _FROM_FILE, "sh", file, *command.posix_argv))
    except BaseException:
        with anyio.CancelScope(shield=True), anyio.move_on_after(AFTER_KILL), suppress(ProxmoxError, GuestAnswerError):
            await agent.finish(("rm", "-f", file))
        raise


def _result(status: dict[str, Any], seconds: float, limit: int, *, timed_out: bool) -> ExecResult:
    signal = status.get("signal")
    code = status.get("exitcode")
    notes = ("The command was stopped with all that it had started.",) if timed_out else ()
    return ExecResult(
        exit_code=int(code) if code is not None and not timed_out else None,
        signal=int(signal) if signal is not None else None,
        stdout=_output(status, "out", limit),
        stderr=_output(status, "err", limit),
        seconds=seconds,
        timed_out=timed_out,
        notes=notes,
    )


def _output(status: dict[str, Any], name: str, limit: int) -> Output:
    text = str(status.get(f"{name}-data") or "")
    try:
        data = text.encode("latin-1")
    except UnicodeEncodeError:
        data = text.encode("utf-8", "replace")  # Something on the way decoded it already.
    return kept(data, limit, already_cut=bool(int(status.get(f"{name}-truncated") or 0)))
