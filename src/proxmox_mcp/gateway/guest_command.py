"""A command for a guest as one call on the path of all calls, and its result as text.

It is judged, decided, confirmed and recorded as the endpoint that carries it: ``agent/exec`` of a VM, ``termproxy`` of
a container, with the command and its input as parameters. So a policy needs to know only one kind of call. Where
``agent/exec`` is called as it is, it answers with the number of a process, whose result is waited for.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from functools import partial
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.errors import DeniedError, InvalidCallError, TargetError
from proxmox_mcp.gateway.resolve import unknown_guest
from proxmox_mcp.guests import DEFAULT_TIMEOUT, GuestCommand, GuestExec, GuestOnNode, result_within
from proxmox_mcp.proxmox.inventory import listed_guests
from proxmox_mcp.untrusted import mark

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxmox_mcp.apidoc.model import Endpoint
    from proxmox_mcp.gateway.cluster import Cluster
    from proxmox_mcp.gateway.request import Client
    from proxmox_mcp.guests import ExecResult, Output
    from proxmox_mcp.policy.call import Call

CARRIERS = {"qemu": "/nodes/{node}/qemu/{vmid}/agent/exec", "lxc": "/nodes/{node}/lxc/{vmid}/termproxy"}
MAX_CONFIRMED_INPUT = 256 * 1024
"""Bytes of input that a person can be asked about: the statement shows all of it."""
UNRESOLVED = GuestOnNode("", 0, "")
"""The guest of a command before its name was looked up."""
READY = "ready"
_OF_A_SHELL = re.compile(r"[\s|&;<>()$`*?~#'\"\\{}\[\]]")


class Excerpt(Struct, frozen=True):
    """Characters of each output that are told: its begin and, more of interest, its end."""

    first: int
    last: int

    def shared_by(self, commands: int) -> Excerpt:
        """For each of several commands that are told together: all of them take no more room than one alone."""
        return Excerpt(self.first // max(1, commands), self.last // max(1, commands))


OF_ONE_COMMAND = Excerpt(4_000, 8_000)


def work_of(given: Mapping[str, Any]) -> GuestExec:
    """A command from its arguments: ``command``, ``input``, ``timeout``, ``wait_for``; the guest is looked up later.

    Raises InvalidCallError.
    """
    seconds = given.get("timeout", DEFAULT_TIMEOUT)
    return GuestExec(
        guest=UNRESOLVED,
        command=_command_of(given["command"]),
        data=_encoded(given.get("input", "")),
        seconds=seconds,
        wait_until_ready=seconds if given.get("wait_for") else 0,
    )


def given_of(work: GuestExec) -> dict[str, Any]:
    """The arguments that make a command again."""
    command = work.command
    return {
        "command": [command.text] if command.for_a_shell else list(command.argv),
        "input": work.data.decode(),
        "timeout": work.seconds,
        "wait_for": READY if work.wait_until_ready else "",
    }


def _command_of(given: Sequence[str]) -> GuestCommand:
    """One element that no program's name looks like is a text for the guest's shell; else it is the program with its
    arguments."""
    if len(given) == 1 and _OF_A_SHELL.search(given[0]):
        return GuestCommand.parse(given[0])
    return GuestCommand.parse(given)


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InvalidCallError("The input holds half a character (a surrogate).", "Send whole text.") from None


def carrier(guest: GuestOnNode) -> ApiPath:
    """The path of the call that carries a command."""
    return ApiPath.given(CARRIERS[guest.kind].format(node=guest.node, vmid=guest.vmid))


def guest_at(path: ApiPath) -> GuestOnNode:
    """The guest that a concrete path names."""
    _, node, kind, vmid, *_ = path.segments
    return GuestOnNode(kind, int(vmid), node)


async def find_guest(which: str, cluster: Cluster) -> GuestOnNode:
    """The guest with an id or a name. Raises TargetError, ProxmoxError."""
    resources = await cluster.inventory.resources()
    by_id = resources.guest(which)
    found = (by_id,) if by_id else resources.named(which)
    if not found:
        raise TargetError(f"There is no guest {which[:80]}.", unknown_guest(which, resources))
    if len(found) > 1:
        raise TargetError(f"{len(found)} guests are named {which[:80]}: {listed_guests(found)}.", "Use the id.")
    return GuestOnNode(found[0].type, found[0].vmid, found[0].node)


def carried(call: Call, work: GuestExec, endpoint: Endpoint | None) -> Call:
    """The call as it is judged: the endpoint that carries the command, with what will run as its parameters."""
    data: dict[str, Any] = {"command": work.command.text or list(work.command.argv)}
    if work.data:
        data["input-data"] = work.data.decode("utf-8", "backslashreplace")
        data["input-bytes"] = f"{len(work.data)}, SHA-256 {hashlib.sha256(work.data).hexdigest()}"
    places = {"node": work.guest.node, "vmid": str(work.guest.vmid)}
    return replace(call, endpoint=endpoint, template=CARRIERS[work.guest.kind], path_params=places, data=data)


def command_in(data: Mapping[str, Any]) -> str:
    """The command among the parameters of the call that carries it, as one line of a shell; else empty."""
    command = data.get("command", "")
    return shlex.join(map(str, command)) if isinstance(command, list) else str(command)


def must_be_showable(work: GuestExec) -> None:
    """Refuse what a person can't be shown whole. Raises DeniedError."""
    if len(work.data) > MAX_CONFIRMED_INPUT:
        raise DeniedError(
            f"The input has {len(work.data)} bytes; a person can confirm at most {MAX_CONFIRMED_INPUT}, since all of "
            "it is shown.",
            "Nothing was run. Send it in parts, or have the operator allow this command by a rule.",
        )


def told(result: ExecResult, guest: GuestOnNode, excerpt: Excerpt = OF_ONE_COMMAND) -> str:
    """The result for a model: how it ended, then output and errors as data."""
    lines = [f"{_ended(result)} after {result.seconds:.1f} s in {guest} on {guest.node}."]
    lines += result.notes
    for name, output in (("output", result.stdout), ("errors", result.stderr)):
        if output.data:
            lines.append(mark(_shown(output, excerpt), f"{name} of the command, {len(output.data)} bytes"))
        lines += _cut(name, output, excerpt)
    if not result.stdout.data and not result.stderr.data:
        lines.append("It printed nothing.")
    return "\n".join(lines)


def _ended(result: ExecResult) -> str:
    if result.timed_out:
        return "Timed out: the command was stopped"
    if result.signal is not None:
        return f"Ended by signal {result.signal}"
    return "Stopped" if result.exit_code is None else f"Exit code {result.exit_code}"


def _shown(output: Output, excerpt: Excerpt) -> str:
    text = output.text
    left_out = len(text) - excerpt.first - excerpt.last
    if left_out <= 0:
        return text
    return f"{text[: excerpt.first]}\n[... {left_out} characters left out ...]\n{text[-excerpt.last :]}"


def _cut(name: str, output: Output, excerpt: Excerpt) -> list[str]:
    advice = "Filter it in the guest (grep, tail -n 100, sed -n 1,200p), or write it to a file and read that in parts."
    if output.cut:
        more = f"at least {output.dropped} bytes more" if output.dropped else "more"
        return [f"Only the first {len(output.data)} bytes of the {name} were kept; there was {more}. {advice}"]
    if len(output.text) > excerpt.first + excerpt.last:
        return [f"Only a part of the {name} is shown. {advice}"]
    return []


def as_data(result: ExecResult) -> dict[str, Any]:
    """The result for a program, and for the audit log without the outputs (``digests``)."""
    return {
        "exit_code": result.exit_code,
        "signal": result.signal,
        "timed_out": result.timed_out,
        "seconds": round(result.seconds, 3),
        "output": result.stdout.text,
        "errors": result.stderr.text,
    }


def digests(result: ExecResult) -> dict[str, Any]:
    """What the audit log holds of a result: its exit code, and SHA-256 of the outputs as far as they were kept."""
    return {
        "exit_code": result.exit_code,
        "output_sha256": result.stdout.digest,
        "errors_sha256": result.stderr.digest,
    }


class Ran(Struct, frozen=True):
    """A command that a plain call started: what it gave as ``text``, and what the audit log holds of it (empty while it
    runs)."""

    text: str
    digests: Mapping[str, Any]


async def result_of_process(call: Call, data: Any, seconds: float, cluster: Cluster, client: Client) -> Ran | None:
    """What a command gave that a call of ``agent/exec`` started; None where the answer names no process. The client
    hears how long it has run.

    Raises GuestAnswerError where the agent does not give the result.
    """
    process = data.get("pid") if isinstance(data, dict) else None
    if not isinstance(process, int):
        return None
    guest = guest_at(call.path)
    tell = partial(client.progress, None)
    result = await result_within(cluster.pve, guest, process, seconds, tell) if seconds > 0 else None
    if result is None:
        return Ran(
            f"The command runs in {guest} on {guest.node} as process {process}. Its result, which is given once: "
            f'GET {guest.path}/agent/exec-status data={{"pid": {process}}}',
            {},
        )
    return Ran(told(result, guest), digests(result))
