"""Connections of clients that don't finish, on a real listener: they are dropped, and others are served meanwhile."""

from __future__ import annotations

import asyncio
import gc
import resource
import socket
import struct
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import anyio
import pytest
import uvicorn
from anyio.abc import SocketAttribute, SocketStream
from uvicorn.server import ServerState

from clients import http_client
from patience import PATIENCE, eventually
from proxmox_mcp.app import connections
from proxmox_mcp.app.connections import BoundedProtocol, Connections, max_connections
from serving import TOKEN, free_port, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from starlette.types import Receive, Scope, Send

pytestmark = pytest.mark.anyio

LARGE = b"x" * 16 * 2**20
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
FOR_EVER = 3600.0


class Application:
    """Answers ``/`` when the body is read, ``/large`` with much, and ``/stream`` never to its end."""

    def __init__(self) -> None:
        self.under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.under_way += 1
        try:
            while (message := await receive()).get("more_body"):
                pass
            if message["type"] == "http.disconnect":
                return
            path = scope["path"]
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for part in (LARGE, LARGE) if path == "/large" else (b"ok",):
                await send({"type": "http.response.body", "body": part, "more_body": True})
            if path == "/stream":
                await receive()
            await send({"type": "http.response.body", "body": b""})
        finally:
            self.under_way -= 1


class Listener:
    """A listener with limits of its own."""

    def __init__(self, port: int, app: Application, table: Connections) -> None:
        self.port, self.app, self.table = port, app, table

    async def connect(self, address: str = "127.0.0.1") -> SocketStream:
        return await anyio.connect_tcp("127.0.0.1", self.port, local_host=address)

    async def ask(self, sent: bytes, address: str = "127.0.0.1") -> SocketStream:
        """A connection, and what was sent on it before the listener could take it: however long this process is kept
        from going on then, the listener reads that before a time limit of the connection ends."""
        connection = socket.create_connection(("127.0.0.1", self.port), PATIENCE, source_address=(address, 0))
        connection.sendall(sent)
        return await SocketStream.from_socket(connection)

    async def serves(self, address: str = "127.0.0.1") -> bool:
        """Whether a request from this address is answered at once."""
        with anyio.fail_after(PATIENCE):
            async with await self.ask(REQUEST, address) as stream:
                with suppress(anyio.BrokenResourceError):  # It was refused before its request was read.
                    return (await stream.receive()).startswith(b"HTTP/1.1 200")
                return False


@asynccontextmanager
async def listening(most: int = 1000, max_waiting: int = 1000) -> AsyncIterator[Listener]:
    table, app, port = Connections(most, max_waiting), Application(), free_port()

    class Protocol(BoundedProtocol):
        listener = table

    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=port,
        log_config=None,
        lifespan="off",
        http=Protocol,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=int(FOR_EVER),
    )
    server = uvicorn.Server(config)
    async with anyio.create_task_group() as group:
        group.start_soon(server.serve)
        while not server.started:  # noqa: ASYNC110 - it has no event for it
            await anyio.sleep(0.01)
        try:
            yield Listener(port, app, table)
        finally:
            server.should_exit = True


def limits(monkeypatch: pytest.MonkeyPatch, **seconds: float) -> None:
    """Only what a test is about runs out."""
    for name in ("HEAD_SECONDS", "BODY_SECONDS", "READ_SECONDS"):
        monkeypatch.setattr(connections, name, seconds.get(name, FOR_EVER))


async def until_closed(stream: SocketStream) -> bytes:
    """What still comes before the server closes."""
    whole = b""
    with anyio.fail_after(PATIENCE), suppress(anyio.EndOfStream, anyio.BrokenResourceError):
        while True:
            whole += await stream.receive()
    return whole


async def drip(stream: SocketStream, data: bytes) -> None:
    """A byte now and then, until the server has had enough."""
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        for byte in data * 1000:
            await stream.send(bytes([byte]))
            await anyio.sleep(0.02)


@pytest.mark.parametrize("served", [False, True])
@pytest.mark.parametrize("sent", [b"", b"G", REQUEST[:-2]])
async def test_headers_that_do_not_arrive_in_time_end_the_connection(
    served: bool, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits(monkeypatch, HEAD_SECONDS=0.2)
    async with listening() as listener, await listener.ask(REQUEST if served else sent) as stream:
        if served:
            assert (await stream.receive()).startswith(b"HTTP/1.1 200")
            sent = sent or b"G"
            await stream.send(sent)
        told = await until_closed(stream)
        assert (b"408 Request Timeout" in told) is bool(sent)
        assert await listener.serves()


@pytest.mark.parametrize("start", [b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Filler: ", b"\r\n"])
async def test_headers_that_drip_in_for_ever_end_the_connection(start: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    limits(monkeypatch, HEAD_SECONDS=0.3)
    async with (
        listening() as listener,
        await listener.ask(start) as stream,
        anyio.create_task_group() as group,
    ):
        group.start_soon(drip, stream, b"\r\n" if start == b"\r\n" else b"x")
        await until_closed(stream)
        assert await listener.serves()
        group.cancel_scope.cancel()


@pytest.mark.parametrize(
    "head", [b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n",
             b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n"]
)  # fmt: skip
async def test_a_body_that_drips_in_for_ever_ends_the_connection(head: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    limits(monkeypatch, BODY_SECONDS=0.3)
    async with listening() as listener, await listener.ask(head) as stream, anyio.create_task_group() as group:
        group.start_soon(drip, stream, b"x")
        await until_closed(stream)
        group.cancel_scope.cancel()
        await _until_nothing_is_under_way(listener)


async def test_an_answer_that_is_never_read_ends_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    limits(monkeypatch, READ_SECONDS=0.3)
    async with listening() as listener, await listener.connect() as stream:
        await stream.send(REQUEST.replace(b"/ ", b"/large "))
        await _until_nothing_is_under_way(listener, begun=True)
        assert len(await until_closed(stream)) < 2 * len(LARGE)
        assert await listener.serves()


async def _until_nothing_is_under_way(listener: Listener, *, begun: bool = False) -> None:
    with anyio.fail_after(PATIENCE):
        while begun and not listener.app.under_way:  # noqa: ASYNC110 - the application sets no event
            await anyio.sleep(0.01)
        while listener.app.under_way:  # noqa: ASYNC110
            await anyio.sleep(0.01)


async def test_what_is_under_way_or_rests_between_requests_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    limits(monkeypatch, HEAD_SECONDS=0.2, BODY_SECONDS=0.2, READ_SECONDS=0.2)
    async with (
        listening() as listener,
        await listener.ask(REQUEST) as rests,
        await listener.ask(REQUEST.replace(b"/ ", b"/stream ")) as streams,
    ):
        assert (await rests.receive()).startswith(b"HTTP/1.1 200")
        assert (await streams.receive()).startswith(b"HTTP/1.1 200")
        await anyio.sleep(1)
        await rests.send(REQUEST)
        assert (await rests.receive()).startswith(b"HTTP/1.1 200")
        assert listener.app.under_way == 1
        with anyio.move_on_after(0.1) as patience:
            while await streams.receive():
                pass
        assert patience.cancelled_caught, "nothing more came, and it was not closed"


async def test_half_open_connections_of_one_address_push_out_each_other_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits(monkeypatch)
    async with listening(max_waiting=10) as listener, AsyncExitStack() as stack:
        stream = await stack.enter_async_context(await listener.connect())
        await stream.send(REQUEST.replace(b"/ ", b"/stream "))
        assert (await stream.receive()).startswith(b"HTTP/1.1 200")
        other = await stack.enter_async_context(await listener.connect("127.0.0.9"))
        await other.send(b"G")
        half_open = [await stack.enter_async_context(await listener.connect()) for _ in range(60)]
        for each in half_open[:50]:
            await until_closed(each)
        await half_open[-1].send(REQUEST)
        assert (await half_open[-1].receive()).startswith(b"HTTP/1.1 200")
        await other.send(REQUEST[1:])
        assert (await other.receive()).startswith(b"HTTP/1.1 200")
        assert listener.app.under_way == 1
        assert await listener.serves()


async def test_half_open_connections_of_many_addresses_give_way_to_one_that_asks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits(monkeypatch)
    async with listening(most=40) as listener, AsyncExitStack() as stack:
        for number in range(120):
            await stack.enter_async_context(await listener.connect(f"127.0.1.{number + 1}"))
        assert await listener.serves("127.0.0.9")


async def test_when_all_connections_are_busy_another_gets_503_and_is_served_once_one_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits(monkeypatch)
    async with listening(most=5) as listener:
        async with AsyncExitStack() as stack:
            for _ in range(5):
                stream = await stack.enter_async_context(await listener.connect())
                await stream.send(REQUEST.replace(b"/ ", b"/stream "))
                assert (await stream.receive()).startswith(b"HTTP/1.1 200")
            async with await listener.connect() as refused:
                assert b"too many open connections. Try again later." in await until_closed(refused)
        with anyio.fail_after(PATIENCE):
            while not await listener.serves():  # noqa: ASYNC110 - the listener sets no event
                await anyio.sleep(0.02)


class Transport(asyncio.Transport):
    """A connection from any address: loopback has one of IPv6 only."""

    def __init__(self, peer: object) -> None:
        super().__init__({"peername": peer})
        self.closed = False

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("2001:db8:1:2:3::4", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2:3::4", "2001:db8:1:3:3::4", False),
        ("not an address", "", True),
        ("not an address", None, True),
        ("10.0.0.1", None, False),
    ],
)
async def test_addresses_of_one_network_of_ipv6_count_as_one(one: str | None, other: str | None, same: bool) -> None:
    class Protocol(BoundedProtocol):
        listener = Connections(max_waiting=1)

    config, state = uvicorn.Config(Application(), log_config=None), ServerState()
    transports = [Transport(None if address is None else (address, 1)) for address in (one, other)]
    protocols = [Protocol(config, state, {}) for _ in transports]
    for protocol, transport in zip(protocols, transports, strict=True):
        protocol.connection_made(transport)
    assert [each.closed for each in transports] == [same, False]
    for protocol in protocols:
        protocol.connection_lost(None)


async def test_more_half_open_connections_than_descriptors_lock_out_no_one(tmp_path: Path) -> None:
    """As it was found: 1,100 of them, where a process may have 1,024 descriptors, ended the listener for everybody."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2048:
        pytest.skip(f"needs 2,048 descriptors, this process may have {hard}")
    away: dict[str, Any] = {"PROXMOX_HOST": "127.0.0.1:9", "PROXMOX_USER": "root@pam", "PROXMOX_TOKEN_ID": "mcp",
                            "PROXMOX_PASSWORD": "11111111-2222-3333-4444-555555555555"}  # fmt: skip
    resource.setrlimit(resource.RLIMIT_NOFILE, (2048, hard))
    held: list[socket.socket] = []
    try:
        with serving(tmp_path, **away, MCP_AUTH_TOKEN=TOKEN) as served:
            async with http_client() as client:
                for number in range(1100):
                    held.append(socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE))
                    if number % 100 == 0:
                        held[-1].send(b"GET /livez HTTP/1.1\r\n")
                        assert (await client.get(f"{served.url}/livez")).status_code == 200
                assert (await client.get(f"{served.url}/livez")).status_code == 200
            assert served.ask("GET", "/sse", {"Authorization": f"Bearer {TOKEN}"}).status == 200
            assert "Traceback" not in served.log
    finally:
        for each in held:
            each.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_process_makes_room_for_the_connections_that_it_allows() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, hard), hard))
        allowed = max_connections()
        assert 0 < allowed < resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(
    "path", [pytest.param("/", marks=pytest.mark.slow), "/stream", pytest.param("/large", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("resets", [False, pytest.param(True, marks=pytest.mark.slow)])
async def test_nothing_is_left_of_a_connection_that_its_client_ended(path: str, *, resets: bool) -> None:
    async with listening() as listener:
        for _ in range(3):
            stream = await listener.connect()
            await stream.send(REQUEST.replace(b"/", path.encode(), 1))
            assert (await stream.receive()).startswith(b"HTTP/1.1 200")
            if resets:
                raw = stream.extra(SocketAttribute.raw_socket)
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            await stream.aclose()
        await eventually(lambda: not _connections(listener))


def _connections(listener: Listener) -> list[BoundedProtocol]:
    gc.collect()
    return [each for each in gc.get_objects() if isinstance(each, BoundedProtocol) and each.listener is listener.table]
