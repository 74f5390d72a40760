"""What shows in a terminal, once nothing more follows: whether it is a prompt, and a line drawn again.

How long each part of a session waits is here too.
"""

# Tested through tests/guests/test_container_exec.py and tests/guests/test_container_early_ends.py.

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
from msgspec import Struct

from proxmox_mcp.guests.ownership import MAX_REDRAWN, MAX_SCREEN, PROMPT_SECONDS, Screen, screen_of
from proxmox_mcp.guests.progress import TELL_SECONDS

if TYPE_CHECKING:
    from proxmox_mcp.guests.terminal import Terminal


class Patience(Struct, frozen=True):
    """Seconds for each part."""

    prompt: float = PROMPT_SECONDS
    settle: float = 0.15
    redraw: float = 0.5
    answer: float = 8.0
    line: float = 10.0
    beat: float = TELL_SECONDS
    stopping: float = 12.0
    report: float = 60.0
    ending: float = 3.0


class Window:
    """One terminal as a person sees it."""

    def __init__(self, terminal: Terminal, patience: Patience) -> None:
        self._terminal, self._patience = terminal, patience

    async def first_screen(self) -> Screen:
        """What shows, once it is a prompt that nothing follows for a moment, or when the time is over."""
        with anyio.move_on_after(self._patience.prompt):
            while len(self._terminal.shown) <= MAX_SCREEN:
                if screen_of(self._terminal.shown) in {Screen.PROMPT, Screen.LOGIN}:
                    if await self._settles():
                        break
                elif not await self._terminal.more():
                    break
        return screen_of(self._terminal.shown)

    async def redraw(self) -> bool:
        """Have a line editor draw its line again, and wait until it begins to; False where it doesn't.

        Asked for again while nothing shows: dtach (0.9) looks for another size only after its ``select``, which a
        signal that came just before doesn't end. One in a hundred was lost so, as it attached.

        Raises ClosedError."""
        with anyio.move_on_after(self._patience.prompt):
            while not self._terminal.ended:
                await self._terminal.redraw()
                with anyio.move_on_after(self._patience.redraw):
                    return await self._terminal.more()
        return False

    async def drawn(self) -> bool:
        """Wait until nothing follows for a moment what shows; False where the terminal has ended, or shows more than a
        prompt and a line."""
        while len(self._terminal.shown) <= MAX_REDRAWN:
            if await self._settles():
                return not self._terminal.ended
        return False

    async def _settles(self) -> bool:
        """Whether nothing more shows for a moment, or the terminal has ended: nothing more will."""
        with anyio.move_on_after(self._patience.settle):
            return not await self._terminal.more()
        return True
