"""One terminal of a container over the API: ticket, websocket, and termproxy's framing of what is typed.

From termproxy's source (2.1.0, ``main.rs``): to it go ``0:LEN:BYTES`` (LEN in bytes), ``1:COLS:ROWS:`` and ``2``; from
it comes what the terminal shows, raw. A header that is torn by the end of its 4,096-byte buffer is lost with what
follows, so no more than that may be under way. It answers ``OK`` to the first line (``user:ticket``) or closes the
connection.
"""

# Tested through tests/guests/test_container_exec.py.

from __future__ import annotations

import re
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode

import anyio
from msgspec import Struct

from proxmox_mcp.errors import GuestAnswerError, GuestVersionError
from proxmox_mcp.guests.websocket import ClosedError, HandshakeRefusedError, WebSocket

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from anyio.abc import ByteStream

    from proxmox_mcp.apidoc.model import Wire
    from proxmox_mcp.guests.model import GuestOnNode
    from proxmox_mcp.net.address import HostPort
    from proxmox_mcp.proxmox.access import Posted

OK_SECONDS = 10.0
OVERLAP = 1024
COLUMNS, ROWS = 80, 20
"""The size that termproxy gives a window."""
MAX_SHOWN = 8 * 1024 * 1024
"""Bytes of a terminal that are kept while something is waited for: twice a MiB of output in base64, and room."""


class GuestApi(Protocol):
    """What commands in guests need of a cluster. Paths are canonical, without ``/api2/json``."""

    async def get(self, path: str, params: Wire | None = None) -> Any:
        """The ``data`` of a GET."""
        ...

    async def post(self, path: str, params: Wire | None = None) -> Posted:
        """Send a POST once, to one host."""
        ...

    async def connect(self, host: HostPort) -> ByteStream:
        """A connection to a host as ``Posted`` names it, its certificate checked and pinned as for every call."""
        ...

    async def credentials(self, host: HostPort) -> Mapping[str, str]:
        """The headers that authenticate a GET at this host."""
        ...


class Found(Struct, frozen=True):
    """Where a pattern was shown, and its first group. (A match of ``re`` reads the buffer again, which goes on.)"""

    start: int
    end: int
    word: bytes

    @classmethod
    def of(cls, match: re.Match[bytes]) -> Found:
        return cls(match.start(), match.end(), bytes(match[1]) if match.re.groups else b"")


class Terminal:
    """What is typed into a terminal and what it shows. ``shown`` holds what came and was not yet taken."""

    def __init__(self, websocket: WebSocket, upid: str) -> None:
        self._socket = websocket
        self.upid = upid
        self.since = time.monotonic()
        """When its ticket was sent: a shell that it starts is not older."""
        self.shown = bytearray()
        self.ended = False
        self._attached = False
        self._columns = COLUMNS

    async def type(self, data: bytes) -> None:
        """Send keystrokes as one frame. Raises ClosedError."""
        await self._send(b"0:%d:" % len(data) + data)

    async def redraw(self) -> None:
        """Have a line editor draw its line again, as it does when the window gets another size. Nothing is typed.

        Once something shows: before, dtach has not attached. Raises ClosedError."""
        if not self._attached:
            await self.more()
        self._attached = True
        # Three sizes in turn: where one is lost, the next is still another than the shell's.
        self._columns = COLUMNS + (self._columns - COLUMNS + 1) % 3
        await self._send(b"1:%d:%d:" % (self._columns, ROWS))

    async def _send(self, frame: bytes) -> None:
        try:
            await self._socket.send(frame)
        except ClosedError:
            self.ended = True
            raise

    async def more(self) -> bool:
        """Wait for more to be shown; False where the terminal has ended."""
        if self.ended:
            return False
        try:
            self.shown += await self._socket.receive()
        except ClosedError:
            self.ended = True
            return False
        if len(self.shown) > MAX_SHOWN:
            raise GuestAnswerError("The terminal shows more than any answer takes.", "Something else writes to it.")
        return True

    async def until(self, pattern: bytes, seconds: float) -> Found | None:
        """Wait until ``pattern``, of at most ``OVERLAP`` bytes, is shown; None where it was not, in that time or before
        the end. What was searched is not searched again, so the work is linear in what comes."""
        search, start = re.compile(pattern).search, 0
        with anyio.move_on_after(seconds):
            while True:
                if match := search(self.shown, start):
                    return Found.of(match)
                start = max(0, len(self.shown) - OVERLAP)
                if not await self.more():
                    return None
        return None


@asynccontextmanager
async def open_terminal(cluster: GuestApi, guest: GuestOnNode) -> AsyncIterator[Terminal]:
    """A terminal of a container for the length of a block. Nothing is typed into it."""
    posted = await cluster.post(f"{guest.path}/termproxy")
    ticket, user, port = (str(posted.data.get(name, "")) for name in ("ticket", "user", "port"))
    if not ticket or not user or not port.isdecimal():
        raise GuestAnswerError("Proxmox opened no terminal: its answer has no ticket.", "Nothing was run.")
    query = urlencode({"port": port, "vncticket": ticket})
    headers = await cluster.credentials(posted.host)
    stream = await cluster.connect(posted.host)
    websocket: WebSocket | None = None
    try:
        websocket = await _opened(stream, str(posted.host), f"/api2/json{guest.path}/vncwebsocket?{query}", headers)
        terminal = Terminal(websocket, str(posted.data.get("upid", "")))
        await _sign_in(terminal, websocket, f"{user}:{ticket}\n".encode())
        yield terminal
    finally:
        if websocket is not None:
            await websocket.aclose()
        else:
            with anyio.CancelScope(shield=True):
                await anyio.aclose_forcefully(stream)


async def _opened(stream: ByteStream, host: str, target: str, headers: Mapping[str, str]) -> WebSocket:
    try:
        return await WebSocket.open(stream, host=host, target=target, headers=headers)
    except HandshakeRefusedError as refused:
        raise GuestAnswerError(
            f"The node refused the terminal's connection: {refused}.",
            "Nothing was run. A token needs VM.Console on the guest; a proxy before the node must pass websockets on.",
        ) from None
    except ClosedError:
        raise GuestAnswerError(
            "The node closed the terminal's connection before it was open.", "Nothing was run. Try again."
        ) from None


async def _sign_in(terminal: Terminal, websocket: WebSocket, line: bytes) -> None:
    try:
        await websocket.send(line)
    except ClosedError:
        terminal.ended = True
    found = await terminal.until(rb"\A([\s\S]{2})", OK_SECONDS)
    if found is None:
        raise GuestVersionError(
            "The node closed the terminal without taking its ticket."
            if terminal.ended
            else f"The node's terminal did not answer within {OK_SECONDS:g} s.",
            "Nothing was run. With an API token this needs pve-container 6.1.3, libpve-access-control 9.0.7 and "
            "proxmox-termproxy 2.1.0 on the node (on Proxmox VE 8: 5.3.4, 8.2.3, 1.1.1). Update the node, or use a "
            "password login.",
        )
    if found.word != b"OK":
        raise GuestAnswerError("The node's terminal answered neither OK nor with its end.", "Nothing was run.")
    del terminal.shown[:2]
