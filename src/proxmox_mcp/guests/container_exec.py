"""One command in a container, through its terminal.

Whatever ends a call early (an error, a time-out, its cancellation), ``leave`` ends what was begun before the connection
is closed; where the connection itself broke, the guest's side ends by its own silence (``script.SILENCE``).
"""

from __future__ import annotations

from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING

import anyio

from proxmox_mcp.errors import GuestError, ProxmoxError
from proxmox_mcp.guests import script
from proxmox_mcp.guests.container_session import ContainerSession
from proxmox_mcp.guests.model import MAX_OUTPUT, ExecResult
from proxmox_mcp.guests.ownership import (
    Screen,
    in_use,
    screen_of,
    shows_beginning,
    shows_only,
    terminals_of_others,
    wait_until_closed,
)
from proxmox_mcp.guests.progress import tell_nobody
from proxmox_mcp.guests.terminal import open_terminal
from proxmox_mcp.guests.websocket import ClosedError
from proxmox_mcp.guests.window import Patience, Window

if TYPE_CHECKING:
    from proxmox_mcp.guests.model import GuestCommand, GuestOnNode
    from proxmox_mcp.guests.progress import Tell
    from proxmox_mcp.guests.terminal import GuestApi, Terminal

_CLEAR_LINE = b"\x15"
"""Ctrl-U: line editors drop what is before the cursor. Unlike Ctrl-C, it ends nothing that might run there."""


async def run_in_container(
    cluster: GuestApi,
    guest: GuestOnNode,
    command: GuestCommand,
    data: bytes,
    seconds: float,
    *,
    limit: int = MAX_OUTPUT,
    patience: Patience | None = None,
    tell: Tell = tell_nobody,
) -> ExecResult:
    """Run one command; ``tell`` hears how long it has run, and how much it has put out. The caller holds the guest's
    lock, and knows that the container runs with ``cmode=shell``.

    Raises GuestError where it did not run or its result is not known, ProxmoxError where the cluster refused.
    """
    patience = patience or Patience()
    if users := await terminals_of_others(cluster, guest, ()):
        raise in_use(guest, users)
    async with AsyncExitStack() as stack:
        terminal = await stack.enter_async_context(open_terminal(cluster, guest))
        session = ContainerSession(cluster, guest, terminal, patience, tell)
        try:
            return await session.run(command, data, seconds, limit)
        except ClosedError:
            raise session.broken() from None
        finally:
            with anyio.CancelScope(shield=True):
                await session.leave()
                await stack.aclose()
                await wait_until_closed(cluster, guest, terminal.upid, patience.ending)
                if session.may_have_left_a_shell:
                    await _end_left_shell(cluster, guest, terminal, session.typed, patience)


async def _end_left_shell(
    cluster: GuestApi, guest: GuestOnNode, broken: Terminal, typed: tuple[bytes, bytes], patience: Patience
) -> None:
    """End the shell that a connection has left which broke before or while the first line was typed, over another one.

    Only where nobody's work can be in it: no other terminal is open, a prompt shows (a shell with a line editor draws
    it again; others show nothing to those who come later, and are left) with nothing after it but a beginning of that
    line, and it is not older than the connection.
    """
    with anyio.move_on_after(patience.prompt + patience.answer), suppress(ClosedError, GuestError, ProxmoxError):
        async with open_terminal(cluster, guest) as terminal:
            if await terminals_of_others(cluster, guest, {broken.upid, terminal.upid}):
                return
            terminal.since = broken.since
            window = Window(terminal, patience)
            if await window.redraw() and typed[1]:
                with anyio.move_on_after(patience.prompt):
                    await _clear(cluster, guest, terminal, window, *typed)
            await ContainerSession(cluster, guest, terminal, patience, tell_nobody).leave()
        await wait_until_closed(cluster, guest, terminal.upid, patience.ending)


async def _clear(
    cluster: GuestApi, guest: GuestOnNode, terminal: Terminal, window: Window, prompt: bytes, line: bytes
) -> None:
    """Clear the beginning of ``line`` that a broken connection has left at ``prompt``, if exactly that shows and the
    beginning is long enough to be nobody else's. As long as Proxmox lists the broken connection, more of the line may
    come; nothing is typed then.

    Raises ClosedError, GuestError, ProxmoxError.
    """
    while await window.drawn():
        if shows_beginning(terminal.shown, prompt, line, script.TOLD_BY):
            break
        if screen_of(terminal.shown) is Screen.PROMPT or not await window.redraw():
            return
    else:
        return
    if await terminals_of_others(cluster, guest, {terminal.upid}):
        return
    terminal.shown.clear()
    await terminal.type(_CLEAR_LINE)
    await terminal.more()
    while await window.drawn():
        if shows_only(terminal.shown, prompt):
            break
        # Not at once: the size, which takes another way, would overtake the key.
        await window.redraw()
    terminal.shown.clear()
    await window.redraw()
