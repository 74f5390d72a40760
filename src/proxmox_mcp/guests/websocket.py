"""A websocket over a connection that is already there and whose certificate was checked.

The protocol is the ``websockets`` library's, without its I/O: so trust, deadlines and cancellation stay ours. It is an
optional dependency (the extra ``guests``), imported when the first terminal is opened.
"""

# Tested through tests/guests/test_container_exec.py and tests/guests/test_stand_in_node.py.

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import anyio

from proxmox_mcp.errors import GuestAnswerError, SettingsError
from proxmox_mcp.installation import install_command

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anyio.abc import ByteStream

HANDSHAKE_SECONDS = 8.0
"""A proxied terminal that nobody serves any more (it waits 10 s for its client) leaves the handshake unanswered."""
SEND_SECONDS = 10.0
MAX_MESSAGE = 1024 * 1024
_LOST = (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError)
_QUIET = logging.getLogger("proxmox_mcp.guests.websocket")
_QUIET.setLevel(logging.WARNING)
"""The library logs frames at DEBUG, and these hold what people's commands read and print."""


class ClosedError(Exception):
    """The connection has ended."""


class HandshakeRefusedError(Exception):
    """The server answered the handshake with a status of its own."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status


class WebSocket:
    """Messages over one stream; one task may send while another receives."""

    def __init__(self, stream: ByteStream, protocol: Any) -> None:
        self._stream, self._protocol = stream, protocol
        self._sending = anyio.Lock()
        self._events: list[Any] = []

    @classmethod
    async def open(cls, stream: ByteStream, *, host: str, target: str, headers: Mapping[str, str]) -> WebSocket:
        """Shake hands for ``target`` (path and query). Raises HandshakeRefusedError, ClosedError, GuestAnswerError."""
        try:
            from websockets.client import ClientProtocol
            from websockets.exceptions import InvalidHandshake, InvalidStatus
            from websockets.uri import parse_uri
        except ImportError as missing:
            raise SettingsError(
                "Commands in containers need the library `websockets`, which is not installed.",
                f"Install it with:\n  {install_command('guests')}",
            ) from missing
        protocol = ClientProtocol(
            parse_uri(f"wss://{host}{target}"),
            subprotocols=["binary"],  # type: ignore[list-item]
            max_size=MAX_MESSAGE,
            logger=_QUIET,
        )
        connection = cls(stream, protocol)
        request = protocol.connect()
        for name, value in headers.items():
            request.headers[name] = value
        protocol.send_request(request)
        answered = False
        with anyio.move_on_after(HANDSHAKE_SECONDS) as waiting:
            await connection._flush()
            while not answered and protocol.handshake_exc is None:
                await connection._feed()
                answered = bool(connection._events)
        if waiting.cancelled_caught:
            raise GuestAnswerError(
                f"The node did not answer the opening of the terminal within {HANDSHAKE_SECONDS:g} s.",
                "Nothing was run. Try again; if it stays so, restart pveproxy on the node.",
            )
        failure = protocol.handshake_exc
        if isinstance(failure, InvalidStatus):
            raise HandshakeRefusedError(failure.response.status_code, failure.response.reason_phrase)
        if isinstance(failure, InvalidHandshake) or not answered:
            raise GuestAnswerError(
                "What answered is not the websocket of a Proxmox node.",
                "Nothing was run. A reverse proxy before the node must pass websockets on.",
            )
        connection._events.pop(0)
        return connection

    async def send(self, data: bytes) -> None:
        """Send one binary message, unfragmented: a fragmented one kills the node's proxy."""
        self._protocol.send_binary(data)
        await self._flush()

    async def receive(self) -> bytes:
        """The next bytes that came, whatever the message's type and fragments. Raises ClosedError."""
        from websockets.frames import DATA_OPCODES, Opcode

        while True:
            while self._events:
                frame = self._events.pop(0)
                if frame.opcode in DATA_OPCODES:
                    return bytes(frame.data)
                if frame.opcode is Opcode.CLOSE:
                    raise ClosedError
            await self._feed()

    async def aclose(self) -> None:
        """Say that this is the end, as far as the other side still listens, and close the connection."""
        from websockets.exceptions import InvalidState

        with anyio.move_on_after(1, shield=True):
            try:
                self._protocol.send_close()
                await self._flush()
            except (ClosedError, InvalidState):
                pass  # The other side was first.
        with anyio.move_on_after(1, shield=True), suppress(*_LOST):
            await self._stream.aclose()

    async def _flush(self) -> None:
        """Send what the protocol has to say: whole or, after a while, not at all. Half a frame, left by a call that was
        cancelled, would make nonsense of what ends the session."""
        async with self._sending:
            data = b"".join(self._protocol.data_to_send())
            if not data:
                return
            sent = False
            with anyio.move_on_after(SEND_SECONDS, shield=True), suppress(*_LOST):
                await self._stream.send(data)
                sent = True
            if not sent:
                raise ClosedError

    async def _feed(self) -> None:
        """Take in what comes next; pings are answered."""
        try:
            data = await self._stream.receive()
        except (anyio.EndOfStream, *_LOST):
            raise ClosedError from None
        self._protocol.receive_data(data)
        self._events += self._protocol.events_received()
        if self._protocol.handshake_exc is None:
            await self._flush()
