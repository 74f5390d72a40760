"""``proxmox-mcp exec``: a command in a guest, through the same gateway as the tool."""

from __future__ import annotations

import sys
from contextlib import aclosing
from typing import IO, TYPE_CHECKING

import anyio
import click

from proxmox_mcp.assembly import gateway_of
from proxmox_mcp.cli.cluster_reads import CLUSTER
from proxmox_mcp.cli.interrupts import telling_what_goes_on
from proxmox_mcp.cli.terminal_client import TerminalClient
from proxmox_mcp.gateway import FOR_PEOPLE, Request
from proxmox_mcp.gateway.guest_command import UNRESOLVED
from proxmox_mcp.guests import (
    DEFAULT_TIMEOUT,
    MAX_INPUT,
    MAX_OUTPUT,
    ExecResult,
    GuestCommand,
    GuestExec,
    Output,
)
from proxmox_mcp.settings import load_settings

if TYPE_CHECKING:
    from proxmox_mcp.gateway import Gateway


@click.command("exec")
@click.argument("guest")
@click.argument("command", nargs=-1, required=True)
@click.option("--timeout", "seconds", type=float, default=DEFAULT_TIMEOUT, show_default=True, help="Seconds.")
@click.option("--input", "source", type=click.File("rb"), help="File that the command reads as its input; - for stdin.")
@click.option("--wait-for-ready", type=float, default=0.0, help="Seconds to wait for a guest that is starting.")
@click.option("--confirm", default="", help="Number of an approval (proxmox-mcp approve).")
@click.option("--yes", is_flag=True, help="Confirm the command without a question: you know its effects.")
@CLUSTER
def exec_(
    guest: str,
    command: tuple[str, ...],
    seconds: float,
    source: IO[bytes] | None,
    wait_for_ready: float,
    confirm: str,
    yes: bool,
    cluster: str,
) -> None:
    """Run a command in a VM or container, without SSH.

    \b
    proxmox-mcp exec web-01 -- systemctl status nginx
    proxmox-mcp exec 105 -- 'df -h | sort'
    proxmox-mcp exec 105 --input script.sh -- sh

    One COMMAND in quotes is read by the guest's shell; several words are a program with its arguments. VMs need the
    guest agent, containers cmode=shell. Output, errors and exit status are the command's; 1 also means that it did not
    run, 124 that it was stopped after --timeout, and 130 that Ctrl-C ended this command, not the one in the guest.
    """
    work = GuestExec(
        guest=UNRESOLVED,
        command=GuestCommand.parse(command[0] if len(command) == 1 else command),
        data=source.read(MAX_INPUT + 1) if source is not None else b"",
        seconds=seconds,
        wait_until_ready=wait_for_ready,
    )
    asked = Request(tool="cli", wording=FOR_PEOPLE, path="/guest", method="POST", confirm=confirm, cluster=cluster)
    gateway, terminal = gateway_of(load_settings()), TerminalClient(agrees=yes)
    otherwise = f"If the command was started, it may go on in guest {guest}."
    with terminal.telling_what_was_declined(), telling_what_goes_on(gateway, otherwise):
        result = anyio.run(_run, gateway, asked, guest, work, terminal)
    _write(result)


async def _run(gateway: Gateway, asked: Request, guest: str, work: GuestExec, terminal: TerminalClient) -> ExecResult:
    """The result; what was done around the command (a snapshot, the record of the change) is told to a person only,
    since standard error is the command's."""
    async with aclosing(gateway):
        answer = await gateway.run_command(asked, guest, work, terminal)
    if terminal.follows_progress:
        for note in answer.notes:
            click.echo(note, err=True)
    result: ExecResult = answer.data
    return result


def _write(result: ExecResult) -> None:
    sys.stdout.buffer.write(result.stdout.data)
    sys.stdout.buffer.flush()
    sys.stderr.buffer.write(result.stderr.data)
    sys.stderr.buffer.flush()
    notes = [*result.notes, *_cut("output", result.stdout), *_cut("errors", result.stderr)]
    for note in notes:
        click.echo(note, err=True)
    if result.timed_out:
        sys.exit(124)
    if result.exit_code is None:
        sys.exit(128 + result.signal if result.signal else 1)
    sys.exit(result.exit_code)


def _cut(name: str, output: Output) -> list[str]:
    return [f"Only the first {MAX_OUTPUT} bytes of the {name} were kept."] if output.cut else []
