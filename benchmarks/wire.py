"""MCP clients with little overhead, so that the server is measured: JSON-RPC over plain streams."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

PROTOCOL = "2025-11-25"
_INITIALIZE = {
    "protocolVersion": PROTOCOL,
    "capabilities": {},
    "clientInfo": {"name": "bench", "version": "1"},
}
_LONGEST_LINE = 2**24


class Session(Protocol):
    """One client's session with a server."""

    async def ask(self, method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The result of a request. Raises RuntimeError for an error, also one in the result of a tool."""
        ...

    async def tell(self, method: str) -> None:
        """Send a notification."""
        ...

    async def close(self) -> None: ...


async def opened(session: Session) -> Session:
    """The session, initialized."""
    await session.ask("initialize", _INITIALIZE)
    await session.tell("notifications/initialized")
    return session


class Stdio:
    """A server as a child process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process, self._stdin, self._stdout = process, process.stdin, process.stdout
        self._ids = itertools.count(1)

    @classmethod
    async def start(cls, command: Sequence[str], environment: Mapping[str, str]) -> Stdio:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, env=environment, limit=_LONGEST_LINE
        )
        return cls(process)

    @property
    def process_id(self) -> int:
        return self._process.pid

    async def ask(self, method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        number = next(self._ids)
        self._stdin.write(_request(number, method, params) + b"\n")
        while line := await self._stdout.readline():
            if (result := _result(line, number)) is not None:
                return result
        raise RuntimeError("the server ended")

    async def tell(self, method: str) -> None:
        self._stdin.write(_notification(method) + b"\n")

    async def close(self) -> None:
        self._stdin.close()
        await self._process.wait()


class Http:
    """Streamable HTTP on one connection that is kept alive."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._ids = itertools.count(1)
        self._session = ""

    @classmethod
    async def connect(cls, port: int) -> Http:
        return cls(await Connection.to(port))

    async def ask(self, method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        number = next(self._ids)
        headers = await self._post(_request(number, method, params))
        self._session = headers.get("mcp-session-id", self._session)
        found = None
        if headers.get("content-type", "").startswith("text/event-stream"):
            async for data in _events(self._connection.chunks()):
                found = _result(data, number) if found is None else found
        else:
            found = _result(await self._connection.body(headers), number)
        if found is None:
            raise RuntimeError(f"no answer to {method}")
        return found

    async def tell(self, method: str) -> None:
        await self._connection.body(await self._post(_notification(method)))

    async def close(self) -> None:
        await self._connection.send("DELETE", "/mcp", b"", _session_headers(self._session))
        await self._connection.head()
        await self._connection.close()

    async def _post(self, body: bytes) -> dict[str, str]:
        headers = {"Accept": "application/json, text/event-stream", **_session_headers(self._session)}
        await self._connection.send("POST", "/mcp", body, headers)
        return await self._connection.head()


class Sse:
    """The older transport: a stream to listen to, and a connection to post to."""

    def __init__(self, stream: Connection, posts: Connection, events: AsyncIterator[bytes], target: str) -> None:
        self._stream, self._posts, self._events, self._target = stream, posts, events, target
        self._ids = itertools.count(1)

    @classmethod
    async def connect(cls, port: int) -> Sse:
        stream = await Connection.to(port)
        await stream.send("GET", "/sse", b"", {"Accept": "text/event-stream"})
        await stream.head()
        events = _events(stream.chunks())
        target = (await anext(events)).decode()
        return cls(stream, await Connection.to(port), events, target)

    async def ask(self, method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        number = next(self._ids)
        await self._post(_request(number, method, params))
        async for data in self._events:
            if (result := _result(data, number)) is not None:
                return result
        raise RuntimeError("the stream ended")

    async def tell(self, method: str) -> None:
        await self._post(_notification(method))

    async def close(self) -> None:
        await self._posts.close()
        await self._stream.close()

    async def _post(self, body: bytes) -> None:
        await self._posts.send("POST", self._target, body, {})
        await self._posts.body(await self._posts.head())


class Connection:
    """A minimal HTTP/1.1 client: only what these servers need."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        self._reader, self._writer, self._port = reader, writer, port

    @classmethod
    async def to(cls, port: int) -> Connection:
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=_LONGEST_LINE), port)

    async def send(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> None:
        lines = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{self._port}", f"Content-Length: {len(body)}"]
        lines += ["Content-Type: application/json", *(f"{name}: {value}" for name, value in headers.items())]
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
        await self._writer.drain()

    async def head(self) -> dict[str, str]:
        """The headers of an answer. Raises RuntimeError for an error status."""
        first, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if first.split(" ")[1][0] != "2":
            raise RuntimeError(f"{first}: {(await self.body(headers))[:200]!r}")
        return headers

    async def body(self, headers: Mapping[str, str]) -> bytes:
        if "chunked" in headers.get("transfer-encoding", ""):
            return b"".join([chunk async for chunk in self.chunks()])
        return await self._reader.readexactly(int(headers.get("content-length", 0)))

    async def chunks(self) -> AsyncIterator[bytes]:
        while size := int(await self._reader.readline(), 16):
            yield (await self._reader.readexactly(size + 2))[:-2]
        await self._reader.readline()

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


async def _events(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The data of each event; pings are left out."""
    held = b""
    async for chunk in chunks:
        held += chunk.replace(b"\r\n", b"\n")
        *whole, held = held.split(b"\n\n")
        for event in whole:
            for line in event.split(b"\n"):
                if line.startswith(b"data: "):
                    yield line[6:]


def _session_headers(session: str) -> dict[str, str]:
    return {"Mcp-Session-Id": session, "MCP-Protocol-Version": PROTOCOL} if session else {}


def _request(number: int, method: str, params: Mapping[str, Any] | None) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params or {}}).encode()


def _notification(method: str) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "method": method}).encode()


def _result(data: bytes, number: int) -> dict[str, Any] | None:
    if not data.startswith(b"{"):
        return None
    message = json.loads(data)
    if message.get("id") != number or "method" in message:
        return None
    result = message.get("result")
    if not isinstance(result, dict) or result.get("isError"):
        raise RuntimeError(f"answered with an error: {str(message)[:300]}")
    return result
