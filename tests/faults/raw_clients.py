"""MCP clients of bare sockets, which can do what no decent client does: vanish, flood, and never close."""

from __future__ import annotations

import http.client
import json
import socket
import struct
from contextlib import closing
from typing import TYPE_CHECKING, Any

from patience import PATIENCE
from serving import TOKEN

if TYPE_CHECKING:
    from clients import Reachable

_HEADERS = {
    "Authorization": f"Bearer {TOKEN}",
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
}
_HANDSHAKE = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}


def message(method: str, params: dict[str, Any] | None = None, number: int | None = None) -> bytes:
    """A request, or without a number a notification."""
    said: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
    said |= {"params": params} if params is not None else {}
    said |= {"id": number} if number is not None else {}
    return json.dumps(said).encode()


def _port(served: Reachable) -> int:
    return int(served.url.rpartition(":")[2])


def reset(connection: socket.socket) -> None:
    """Have a socket close with a RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class SseClient:
    """One session over ``/sse``."""

    def __init__(self, served: Reachable) -> None:
        self._port = _port(served)
        self.stream = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        self.stream.request("GET", "/sse", headers=_HEADERS)
        reset(self.stream.sock)
        self._response = self.stream.getresponse()
        self.status = self._response.status
        if self.status == 200:
            self._address = self._event()

    def initialize(self) -> None:
        self.send("initialize", _HANDSHAKE, 0)
        assert self.receive()["id"] == 0
        self.send("notifications/initialized")

    def call(self, tool: str, arguments: dict[str, Any], number: int = 1) -> None:
        """Ask for a call; its answer comes over the stream."""
        self.send("tools/call", {"name": tool, "arguments": arguments}, number)

    def send(self, method: str, params: dict[str, Any] | None = None, number: int | None = None) -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)) as connection:
            connection.request("POST", self._address, message(method, params, number), _HEADERS)
            assert connection.getresponse().status == 202

    def receive(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._event())
        return answer

    def vanish(self) -> None:
        self._response.close()
        self.stream.close()

    def _event(self) -> str:
        while line := self._response.readline().decode():
            if line.startswith("data: "):
                return line.removeprefix("data: ").strip()
        raise ConnectionError("the stream has ended")


class HttpClient:
    """One session over ``/mcp``."""

    def __init__(self, served: Reachable) -> None:
        self._port = _port(served)
        with closing(self._post(message("initialize", _HANDSHAKE, 0), {})) as connection:
            response = connection.getresponse()
            response.read()
        self.connection = connection
        self.status = response.status
        self._session = {"Mcp-Session-Id": response.getheader("mcp-session-id", "")}

    def initialize(self) -> None:
        assert self.status == 200
        self.send("notifications/initialized")

    def call(self, tool: str, arguments: dict[str, Any], number: int = 1) -> None:
        """Ask for a call; its answer comes over the connection of the request, which stays open."""
        request = message("tools/call", {"name": tool, "arguments": arguments}, number)
        self.connection.close()
        self.connection = self._post(request, self._session)
        reset(self.connection.sock)

    def send(self, method: str, params: dict[str, Any] | None = None) -> None:
        with closing(self._post(message(method, params), self._session)) as connection:
            assert connection.getresponse().status == 202

    def vanish(self) -> None:
        self.connection.close()

    def end(self) -> None:
        """Give the session up, as the protocol has it."""
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)) as connection:
            connection.request("DELETE", "/mcp", headers={**_HEADERS, **self._session})
            assert connection.getresponse().status == 200

    def _post(self, body: bytes, headers: dict[str, str]) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        connection.request("POST", "/mcp", body, {**_HEADERS, **headers})
        return connection
