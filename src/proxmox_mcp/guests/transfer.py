"""Data handed over to the script in a container, line by line, each compared with what the shell read."""

# Tested through tests/guests/test_container_exec.py.

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from proxmox_mcp.errors import GuestAnswerError, GuestSessionError
from proxmox_mcp.guests import script
from proxmox_mcp.guests.websocket import ClosedError

if TYPE_CHECKING:
    from proxmox_mcp.guests.model import GuestOnNode
    from proxmox_mcp.guests.terminal import Terminal


class Transfer:
    """Sends data over a terminal; ``seconds`` is the time that a line may take to come back."""

    def __init__(self, terminal: Terminal, guest: GuestOnNode, seconds: float) -> None:
        self._terminal, self._guest, self._seconds = terminal, guest, seconds
        self._sent: deque[bytes] = deque()
        """Lines that the guest has not given back yet."""

    async def hand_over(self, data: bytes) -> None:
        """Send data whole: what the shell has is what was sent. Raises GuestError, ClosedError."""
        for line in script.lines(data):
            while len(self._sent) >= script.WINDOW:
                await self._take_back()
            self._sent.append(line)
            await self._terminal.type(line + b"\n")
        while self._sent:
            await self._take_back()
        await self._terminal.type(b".\n")

    async def _take_back(self) -> None:
        found = await self._terminal.until(rb"\r*\n", self._seconds)
        if found is None:
            if self._terminal.ended:
                raise ClosedError
            raise GuestAnswerError(f"{self._guest} stopped taking the command. Nothing was run.", "Try again.")
        line = bytes(self._terminal.shown[: found.start])
        del self._terminal.shown[: found.end]
        if line != self._sent.popleft():
            raise GuestSessionError(
                f"Somebody or something else writes to the terminal of {self._guest}. Nothing was run.",
                "Try again, when no console of the container is open.",
            )
