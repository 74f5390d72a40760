"""What one caller may hold open over HTTP, on a real server: at its limits it hears why, and the others go on."""

from __future__ import annotations

import json
import logging
import socket
import threading
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import httpx2
import pytest

from clients import connect, http_client
from in_process import serving_here
from patience import PATIENCE, eventually
from proxmox import raw_server
from proxmox_mcp.app import shares
from proxmox_mcp.record.activity import ActivityFilter
from serving import CALLERS, callers_file

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from in_process import Here

pytestmark = pytest.mark.anyio

AWAY = {
    "PROXMOX_HOST": "127.0.0.1:9",
    "PROXMOX_USER": "root@pam",
    "PROXMOX_TOKEN_ID": "mcp",
    "PROXMOX_PASSWORD": "11111111-2222-3333-4444-555555555555",
    "PROXMOX_APIDOC": "bundled",
}
OPENING = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}
JSON = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}


@asynccontextmanager
async def serving(directory: Path, **settings: str) -> AsyncIterator[Here]:
    """A server of several callers, without a Proxmox."""
    file = directory / "callers.toml"
    file.write_text(callers_file())
    async with serving_here(directory, **{**AWAY, "MCP_CALLERS_FILE": str(file), **settings}) as here:
        yield here


def bearer(caller: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {CALLERS[caller]}"}


def message(method: str, params: dict[str, Any] | None = None, number: int | None = 1) -> str:
    activity = {"jsonrpc": "2.0", "method": method, "params": params or {}}
    return json.dumps(activity if number is None else {**activity, "id": number})


class Client:
    """One caller; what it opens stays open until ``close``."""

    def __init__(self, here: Here, caller: str) -> None:
        self._here, self._caller = here, caller
        self._http = http_client({**bearer(caller), **JSON}, limits=_UNLIMITED)
        self._streams = AsyncExitStack()

    async def initialize(self) -> httpx2.Response:
        return await self._http.post(f"{self._here.url}/mcp", content=message("initialize", OPENING))

    async def end(self, opened: httpx2.Response) -> int:
        session = {"Mcp-Session-Id": opened.headers["mcp-session-id"]}
        return (await self._http.delete(f"{self._here.url}/mcp", headers=session)).status_code

    async def stream(self, path: str = "/sse", **headers: str) -> httpx2.Response:
        way = self._http.stream("GET", f"{self._here.url}{path}", headers=headers)
        return await self._streams.enter_async_context(way)

    async def post(self, opened: httpx2.Response, method: str) -> int:
        """A request of a session over streamable HTTP."""
        session = {"Mcp-Session-Id": opened.headers["mcp-session-id"]}
        reply = await self._http.post(f"{self._here.url}/mcp", headers=session, content=message(method))
        return reply.status_code

    async def close(self) -> None:
        await self._streams.aclose()
        await self._http.aclose()


_UNLIMITED = httpx2.Limits(max_connections=None)


@asynccontextmanager
async def clients(here: Here, *callers: str) -> AsyncIterator[list[Client]]:
    made = [Client(here, caller) for caller in callers]
    try:
        yield made
    finally:
        for each in made:
            await each.close()


async def test_sessions_of_one_caller_end_at_its_share_and_others_open_theirs(tmp_path: Path) -> None:
    async with serving(tmp_path, MCP_SESSIONS="5") as here, clients(here, "ops", "dev") as (ops, dev):
        opened = [await ops.initialize() for _ in range(8)]
        assert [each.status_code for each in opened] == [200] * 5 + [429] * 3
        error = opened[-1].json()["error"]
        assert error["code"] == shares.RATE_LIMITED
        assert error["message"].startswith("You have 5 open sessions, the most allowed (MCP_SESSIONS).")
        assert opened[-1].headers["retry-after"]
        assert await ops.post(opened[0], "ping") == 200, "what is open goes on"
        assert (await dev.initialize()).status_code == 200
        assert await ops.end(opened[0]) == 200
        assert (await ops.initialize()).status_code == 200


@pytest.mark.parametrize("path", ["/sse", "/sse/"])
async def test_streams_of_one_caller_end_at_its_share_and_others_open_theirs(path: str, tmp_path: Path) -> None:
    async with serving(tmp_path, MCP_SESSIONS="5") as here, clients(here, "dev") as (dev,):
        async with clients(here, "ops") as (ops,):
            opened = [await ops.stream(path) for _ in range(8)]
            assert [each.status_code for each in opened] == [200] * 5 + [429] * 3
            await opened[-1].aread()
            assert opened[-1].text == "You have 5 open streams, the most allowed (MCP_SESSIONS). Close some."
            assert (await dev.stream(path)).status_code == 200
        again = 0

        async def opens() -> bool:
            async with clients(here, "ops") as (ops,):
                return (await ops.stream(path)).status_code == 200

        while not await opens():
            again += 1
            assert again < 100
            await anyio.sleep(0.05)


async def test_streams_of_sessions_count_as_streams(tmp_path: Path) -> None:
    async with serving(tmp_path, MCP_SESSIONS="3") as here, clients(here, "ops", "dev") as (ops, dev):
        sessions = [(await ops.initialize()).headers["mcp-session-id"] for _ in range(3)]
        assert [(await ops.stream("/mcp", **{"Mcp-Session-Id": each})).status_code for each in sessions] == [200] * 3
        refused = await ops.stream("/sse")
        assert refused.status_code == 429
        assert (await dev.stream("/sse")).status_code == 200


@pytest.mark.parametrize("transport", ["sse", "http"])
async def test_however_many_callers_hold_all_that_they_may_there_is_room_for_another(
    transport: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shares, "MAX_SESSIONS", 12)
    async with serving(tmp_path) as here, clients(here, "ops", "dev", "viewer") as (ops, dev, viewer):

        async def fill(client: Client) -> int:
            for number in range(20):
                reply = await (client.stream() if transport == "sse" else client.initialize())
                if reply.status_code == 429:
                    return number
            return 20

        held = [await fill(ops), await fill(dev), await fill(viewer)]
        assert held == [6, 3, 2]


async def test_requests_that_one_caller_leaves_unfinished_are_bounded_and_open_no_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(shares, "MAX_REQUESTS", 5)
    body = message("initialize", OPENING).encode()
    head = (
        f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: {bearer('ops')['Authorization']}\r\n"
        f"Content-Type: application/json\r\nAccept: {JSON['Accept']}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    async with serving(tmp_path) as here, clients(here, "ops", "dev") as (ops, dev):
        slow = [await anyio.to_thread.run_sync(socket.create_connection, ("127.0.0.1", here.port)) for _ in range(5)]
        for each in slow:
            each.sendall(head + body[:-1])
        refused = await _refusal(ops)
        assert refused.json()["error"]["message"] == "5 of your requests are being served, the most allowed. Wait."
        assert here.metrics.sessions() == {"sse": 0, "http": 0}
        assert (await dev.initialize()).status_code == 200
        for each in slow:
            each.close()
        with anyio.fail_after(PATIENCE):
            while (await ops.initialize()).status_code != 200:  # noqa: ASYNC110 - the server sets no event
                await anyio.sleep(0.02)
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]


async def _refusal(client: Client) -> httpx2.Response:
    """The answer once what was sent before has arrived."""
    with anyio.fail_after(PATIENCE):
        while True:
            reply = await client.initialize()
            if reply.status_code == 429:
                return reply
            await client.end(reply)


async def test_a_stream_on_which_nothing_is_said_is_closed_and_leaves_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(tmp_path, MCP_STREAM_IDLE="1") as here, clients(here, "ops") as (ops,):
        session = await ops.initialize()
        for path, headers in (("/sse", {}), ("/mcp", {"Mcp-Session-Id": session.headers["mcp-session-id"]})):
            stream = await ops.stream(path, **headers)
            assert stream.status_code == 200
            with anyio.fail_after(PATIENCE):
                await stream.aread()  # To its end, which is a proper one: an answer that is cut raises.
        assert await ops.post(session, "ping") == 200, "the session outlives its stream"
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]


class Node:
    """A Proxmox that begins to start guests and does not end before it is told; it answers reads at once."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.begun = 0

    def __call__(self, request: raw_server.Request, connection: Any) -> None:
        if request.method != "GET":
            self.begun += 1
            self.go_on.wait(PATIENCE)
        connection.sendall(
            raw_server.reply({"version": "9.1.9", "release": "9.1"} if request.method == "GET" else None)
        )


async def test_starts_that_a_caller_calls_off_take_its_own_share_alone(
    tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    node = Node()
    with raw_server.serving(node, certificate) as pve:
        settings = {"PROXMOX_HOST": f"127.0.0.1:{pve.port}", "MCP_MODE": "full", "MCP_CONCURRENCY": "8"}
        async with (
            serving(tmp_path, **settings) as here,
            connect(here, "http", token=CALLERS["ops"]) as ops,
            connect(here, "http", token=CALLERS["dev"]) as dev,
        ):
            async with anyio.create_task_group() as group:
                for vmid in range(100, 108):
                    group.start_soon(ops.make, "POST", f"/nodes/pve1/qemu/{vmid}/status/start")
                await eventually(lambda: node.begun == 8)
                group.cancel_scope.cancel()
            for _ in range(3):
                assert "8 of your calls are running" in (await ops.get("/version")).text
                assert "9.1.9" in (await dev.get("/version")).text
            node.go_on.set()
            with anyio.fail_after(PATIENCE):
                while (await ops.get("/version")).is_error:  # noqa: ASYNC110 - the server sets no event
                    await anyio.sleep(0.02)
            # What ends after the server has closed its records would open them again.
            started = ActivityFilter(caller="ops", writes=True)
            await eventually(
                lambda: [each.result for each in here.gateway.guard.activity.page(started, 20)] == ["ok"] * 8
            )
    assert len(pve.posted) == 8, "what had left was carried out, once"
