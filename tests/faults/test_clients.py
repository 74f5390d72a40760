"""What clients do wrong: leave, cancel, flood, hold on to sessions and connections, send too much."""

from __future__ import annotations

import json
import resource
import socket
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
import httpx2
import pytest

from clients import connect, connect_stdio
from faults.proxy import Fault
from faults.raw_clients import HttpClient, SseClient
from faults.table import Row
from in_process import serving_here
from patience import PATIENCE, Watch, until
from serving import TOKEN, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from faults.proxy import Ask, Proxy
    from faults.table import Table
    from proxmox.raw_server import Request
    from serving import Served

pytestmark = pytest.mark.anyio

CONFIG = "/nodes/pve1/qemu/100/config"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
CLIENTS: dict[str, type[SseClient | HttpClient]] = {"sse": SseClient, "http": HttpClient}


def of_the_call(request: Request) -> bool:
    return "/qemu/100/" in request.target


@contextmanager
def held(proxy: Proxy) -> Iterator[Callable[[], None]]:
    """What is asked is done at once and answered later: when the function is called that this gives."""
    answered = threading.Event()

    def respond(connection: Any, ask: Ask) -> None:
        answer = ask()
        answered.wait(PATIENCE)
        connection.sendall(answer)

    with proxy.harm(Fault(respond=respond, when=of_the_call)):
        try:
            yield answered.set
        finally:
            answered.set()


def records(served: Served, mark: str) -> list[dict[str, Any]]:
    file = served.directory / "audit.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    return [json.loads(line) for line in lines if mark in line]


def gauge(served: Served, name: str) -> float:
    text = served.ask("GET", "/metrics", BEARER).text
    return float(next(line for line in text.splitlines() if line.startswith(name)).rpartition(" ")[2])


@pytest.mark.parametrize("transport", [pytest.param("sse", marks=pytest.mark.slow), "http"])
def test_a_client_that_leaves_in_the_middle_of_a_write_leaves_it_done_once_and_on_record(
    transport: str, server: Served, proxy: Proxy, table: Table
) -> None:
    mark, logged = f"left-over-{transport}", len(server.log)
    sessions = gauge(server, 'proxmox_mcp_sessions{transport="sse"}')
    client = CLIENTS[transport](server)
    client.initialize()
    with held(proxy) as answer:
        arguments = {"method": "PUT", "path": CONFIG, "data": {"description": mark}, "cluster": "patient"}
        client.call("proxmox_api_call", arguments)
        until(lambda: proxy.count(mark) == (1, 1))
        watch = Watch()
        client.vanish()
        answer()
        until(lambda: len(records(server, mark)) == 2)
        took = watch.seconds
    intent, outcome = records(server, mark)
    assert (intent["event"], outcome["event"]) == ("intent", "outcome")
    assert outcome["result"] == "ok", "it was carried out, whoever heard of it"
    assert proxy.count(mark) == (1, 1)
    until(lambda: gauge(server, 'proxmox_mcp_sessions{transport="sse"}') == sessions)
    assert "Traceback" not in server.log[logged:]
    told = "(nobody is there; the audit has its outcome)"
    table.add(
        Row(
            f"the client leaves in the middle of a call, /{transport.replace('http', 'mcp')}",
            "write",
            told,
            5,
            took,
            1,
            1,
        )
    )


@pytest.mark.parametrize("transport", [pytest.param("sse", marks=pytest.mark.slow), "http"])
def test_a_call_that_is_cancelled_ends_at_once_where_it_reads_and_is_done_once_where_it_writes(
    transport: str, server: Served, proxy: Proxy, table: Table
) -> None:
    read, mark = f"read-cancelled-over-{transport}", f"write-cancelled-over-{transport}"
    client = CLIENTS[transport](server)
    client.initialize()
    with held(proxy):
        before = proxy.count(CONFIG)[0]
        client.call("proxmox_api_get", {"path": CONFIG, "data": {"snapshot": read}, "cluster": "patient"}, 11)
        until(lambda: proxy.count(CONFIG)[0] == before + 1)
        watch = Watch()
        client.send("notifications/cancelled", {"requestId": 11})
        until(lambda: [each["result"] for each in records(server, read)] == ["cancelled"])
        took = watch.seconds  # the node has not answered: the read was called off, not waited for
    with held(proxy) as answer:
        arguments = {"method": "PUT", "path": CONFIG, "data": {"description": mark}, "cluster": "patient"}
        client.call("proxmox_api_call", arguments, 12)
        until(lambda: proxy.count(mark) == (1, 1))
        client.send("notifications/cancelled", {"requestId": 12})
        answer()
        until(lambda: len(records(server, mark)) == 2)
    assert records(server, mark)[1]["result"] == "ok"
    assert proxy.count(mark) == (1, 1)
    client.vanish()
    kind = f"the client cancels the call, /{transport.replace('http', 'mcp')}"
    table.add(Row(kind, "read", "(called off; the audit says so)", 2, took))


@pytest.mark.slow
async def test_a_flood_is_held_to_the_limits_and_the_rest_never_reaches_the_node(
    clusters: dict[str, dict[str, str]], proxy: Proxy, tmp_path: Path, table: Table
) -> None:
    settings = {**clusters["patient"], "MCP_AUTH_TOKEN": TOKEN, "MCP_RATE_LIMIT": "40", "MCP_CONCURRENCY": "8"}
    told: list[str] = []
    with serving(tmp_path, **settings) as served:
        async with connect(served, "http") as session:

            async def one(number: int) -> None:
                told.append((await session.get(CONFIG, fields="name", data={"current": number % 2})).text)
                if len(told) == 92:
                    answer()

            with held(proxy) as answer:
                before = proxy.count(CONFIG)[0]
                async with anyio.create_task_group() as group:
                    for number in range(100):
                        group.start_soon(one, number)
                assert proxy.count(CONFIG)[0] - before == 8
            assert told.count("name: guest-100") == 8
            assert sum("8 of your calls are running, the most allowed" in text for text in told) == 92
            watch = Watch()
            while "calls within a minute" not in (await session.get(CONFIG, fields="name")).text:
                assert proxy.count(CONFIG)[0] - before <= 40
            took = watch.seconds
            assert proxy.count(CONFIG)[0] - before == 40
            last = await session.get(CONFIG)
        assert served.ask("GET", "/livez").status == 200
    table.add(Row("a hundred calls at once, eight allowed", "read", told[0], 10, took, 8, 8))
    table.add(Row("more calls in a minute than allowed", "read", last.text, 10, took, 0, 0))


async def test_sessions_that_are_never_closed_are_bounded_and_their_room_is_free_when_they_end(
    clusters: dict[str, dict[str, str]], tmp_path: Path, table: Table
) -> None:
    async with serving_here(tmp_path, **clusters["patient"], MCP_AUTH_TOKEN=TOKEN, MCP_SESSIONS="20") as here:

        def hold() -> tuple[list[SseClient], list[int]]:
            return [SseClient(here) for _ in range(25)], [HttpClient(here).status for _ in range(25)]

        kept, over_http = await anyio.to_thread.run_sync(hold)
        over_sse = [client.status for client in kept]
        assert over_sse == over_http == [200] * 20 + [429] * 5
        async with httpx2.AsyncClient() as http:
            watch = Watch()
            refused = await http.get(f"{here.url}/sse", headers=BEARER)
            took = watch.seconds
            assert (await http.get(f"{here.url}/livez")).status_code == 200
        for client in kept:
            client.vanish()

        def opens() -> bool:
            client = SseClient(here)
            client.vanish()
            return client.status == 200

        await anyio.to_thread.run_sync(until, opens)
    table.add(Row("a session too many (200 are allowed), /sse", "connect", refused.text, 2, took))


@pytest.mark.slow
def test_connections_beyond_the_descriptors_wait_and_calls_go_on_when_they_are_gone(
    clusters: dict[str, dict[str, str]], tmp_path: Path, table: Table
) -> None:
    with serving(tmp_path, **clusters["patient"], MCP_AUTH_TOKEN=TOKEN) as served:
        SseClient(served).vanish()
        limit = _descriptors(served) + 20
        resource.prlimit(served.process.pid, resource.RLIMIT_NOFILE, (limit, limit))
        taken = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(60)]
        until(lambda: _descriptors(served) >= limit - 1)
        time.sleep(0.3)
        for connection in taken:
            connection.close()
        watch = Watch()
        until(lambda: _alive(served))
        took = watch.seconds
        client = SseClient(served)
        client.initialize()
        client.call("proxmox_api_get", {"path": CONFIG, "fields": "name"})
        assert client.receive()["result"]["content"][0]["text"] == "name: guest-100"
        client.vanish()
        until(lambda: _descriptors(served) < limit - 10)
    table.add(Row("all descriptors taken by idle connections", "read", "name: guest-100", 10, took))


def _descriptors(served: Served) -> int:
    return len(list(Path(f"/proc/{served.process.pid}/fd").iterdir()))


def _alive(served: Served) -> bool:
    try:
        return served.ask("GET", "/livez").status == 200
    except OSError:
        return False


@pytest.mark.parametrize("path", ["/mcp", "/messages/?session_id=00000000000000000000000000000000"])
@pytest.mark.parametrize("chunked", [False, True])
def test_four_megabytes_are_turned_away_and_leave_nothing_behind(
    path: str, chunked: bool, server: Served, table: Table
) -> None:
    headers = {**BEARER, "Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    body = b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"' + b"x" * 4 * 2**20 + b'"}}'
    answers = []

    def left_by_ten() -> int:
        before = _memory(server)
        for _ in range(10):
            with httpx2.Client(timeout=PATIENCE) as http:
                content = iter([body[i : i + 65536] for i in range(0, len(body), 65536)]) if chunked else body
                status, text = _posted(http, f"{server.url}{path}", content, headers)
            assert status in (413, 0), text
            answers.append(text)
        return _memory(server) - before

    watch = Watch()
    # A server that has just started loads schemas meanwhile; what requests leave behind, they leave each time.
    assert any(left_by_ten() < 16 * 1024 for _ in range(3))
    took = watch.seconds / len(answers)
    assert server.ask("GET", "/livez").status == 200
    if path == "/mcp" and not chunked:
        table.add(Row("4 MB in one message, /mcp", "POST", f"413: {answers[-1]}", 5, took))


def _posted(http: httpx2.Client, url: str, content: Any, headers: dict[str, str]) -> tuple[int, str]:
    """The answer; 0 where the server closed the connection before all was sent, as it may."""
    try:
        reply = http.post(url, content=content, headers=headers)
    except (httpx2.WriteError, httpx2.ReadError, httpx2.RemoteProtocolError) as error:
        return 0, str(error)
    return reply.status_code, reply.text


def _memory(served: Served) -> int:
    """KiB that the process holds."""
    line = next(
        line for line in Path(f"/proc/{served.process.pid}/status").read_text().splitlines() if line.startswith("VmRSS")
    )
    return int(line.split()[1])


@pytest.mark.slow
async def test_what_proxmox_would_not_take_is_not_sent_over_stdio_either(
    clusters: dict[str, dict[str, str]], proxy: Proxy, tmp_path: Path, table: Table
) -> None:
    async with connect_stdio(tmp_path, clusters["patient"] | {"MCP_MODE": "full"}) as session:
        before = proxy.count(CONFIG)[0]
        watch = Watch()
        answer = await session.make("PUT", CONFIG, {"description": "x" * 4 * 2**20})
        took = watch.seconds
        assert proxy.count(CONFIG)[0] == before
        assert not (await session.get(CONFIG)).is_error
    assert answer.is_error
    table.add(Row("4 MB in one parameter, stdio", "write", answer.text, 10, took, 0, 0))
