"""Nodes that die and come back under a steady load: a real server, real clients, and nodes that can be cut."""

from __future__ import annotations

import contextlib
import http.client
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import anyio
import pytest

from clients import connect
from demo_api import UNVERIFIED
from patience import PATIENCE, Watch, eventually
from proxmox.raw_server import RawServer, Request, reply
from serving import TOKEN, free_port, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from proxmox_mcp.demo import DemoCluster
    from serving import Served

pytestmark = pytest.mark.anyio

BEARER = {"Authorization": f"Bearer {TOKEN}"}
ADDRESSES = ("127.0.0.11", "127.0.0.12", "127.0.0.13")
READERS, WRITERS = 4, 3
GUEST = "/nodes/pve2/qemu/134/config"


@dataclass
class Nodes:
    """Three nodes of one cluster, each its own TLS server on an address of its own before the demo cluster.

    ``written`` counts what came in over all of them, by the value that each write holds; ``died`` are tickets that the
    nodes no longer take.
    """

    certificate: tuple[Path, Path]
    upstream: int
    port: int = 0
    servers: list[RawServer] = field(default_factory=list)
    written: Counter[str] = field(default_factory=Counter)
    logins: int = 0
    died: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.port = self.port or free_port()
        self.servers = [self._server(address) for address in ADDRESSES]

    @property
    def setting(self) -> str:
        return ",".join(f"{address}:{self.port}" for address in ADDRESSES)

    def kill(self, *numbers: int) -> None:
        """Close the listener and every connection, in whatever state it is."""
        for number in numbers:
            self.servers[number].stop()

    def revive(self, *numbers: int) -> None:
        for number in numbers:
            self.servers[number] = self._server(ADDRESSES[number])

    def stop(self) -> None:
        self.kill(*range(len(ADDRESSES)))

    def _server(self, address: str) -> RawServer:
        server = RawServer(self._forward, self.certificate, host=address, port=self.port)
        server.start()
        return server

    def _forward(self, request: Request, connection: Any) -> None:
        if request.target.endswith("/access/ticket"):
            self.logins += 1
        elif request.method != "GET":
            self.written.update(parse_qs(request.body.decode()).get("description", []))
        if any(ticket in request.headers.get("cookie", "") for ticket in self.died):
            connection.sendall(reply(status=401, reason="permission denied - invalid PVE ticket", body=b""))
            return
        connection.sendall(self._ask(request))

    def _ask(self, request: Request) -> bytes:
        upstream = http.client.HTTPSConnection("127.0.0.1", self.upstream, timeout=PATIENCE, context=UNVERIFIED)
        headers = {name: value for name, value in request.headers.items() if name != "host"}
        with contextlib.closing(upstream):
            upstream.request(request.method, request.target, request.body or None, headers)
            answer = upstream.getresponse()
            body = answer.read()
            return reply(
                status=answer.status, reason=answer.reason, body=body, Content_Type=answer.headers["content-type"]
            )


@pytest.fixture
def nodes(demo: DemoCluster, certificate: tuple[Path, Path]) -> Iterator[Nodes]:
    running = Nodes(certificate, demo.port)
    yield running
    running.stop()


@pytest.fixture
def failing_over(nodes: Nodes, on_demo: dict[str, str], tmp_path: Path) -> Iterator[Served]:
    """A server that knows all three nodes."""
    settings = {"PROXMOX_HOST": nodes.setting, "PROXMOX_FINGERPRINT": "", "PROXMOX_APIDOC": "bundled"}
    settings["PROXMOX_TIMEOUT"] = f"{PATIENCE:g}"
    with serving(tmp_path, **{**on_demo, **settings}, MCP_MODE="full", MCP_RATE_LIMIT="0") as served:
        yield served


class Load:
    """Reads and writes in a loop until it is over, each answer kept; ``answered`` counts them by who asked."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self.over = False
        self.reads: list[tuple[bool, str]] = []
        self.writes: dict[str, tuple[bool, str]] = {}
        self.answered: Counter[str] = Counter()
        self.slowest = 0.0

    async def read(self, reader: int) -> None:
        async with connect(self._served, "http") as session:
            while not self.over:
                watch = Watch()
                answer = await session.get(GUEST, fields="name")
                self.slowest = max(self.slowest, watch.seconds)
                self.answered[f"reader {reader}"] += 1
                self.reads.append((not answer.is_error, answer.text))

    async def write(self, writer: int) -> None:
        async with connect(self._served, "http") as session:
            while not self.over:
                value = f"write-{writer}-{len(self.writes)}"
                answer = await session.make("PUT", GUEST, {"description": value})
                self.answered[f"writer {writer}"] += 1
                self.writes[value] = (not answer.is_error, answer.text)

    async def goes_on(self) -> None:
        """Until each of them has had two more answers: the second was asked for in the state that is now."""
        before = Counter(self.answered)
        await eventually(
            lambda: (
                len(self.answered) == READERS + WRITERS
                and all(count >= before[who] + 2 for who, count in self.answered.items())
            )
        )


async def disturb(nodes: Nodes, load: Load) -> None:
    """Every node dies and comes back in turn, then two at a time; one is alive at any moment."""
    for round_ in range(6):
        await load.goes_on()
        nodes.kill(round_ % 3)
        await load.goes_on()
        nodes.revive(round_ % 3)
    for survivor in (0, 1, 2):
        dead = [number for number in range(3) if number != survivor]
        await load.goes_on()
        nodes.kill(*dead)
        await load.goes_on()
        nodes.revive(*dead)
    load.over = True


@pytest.mark.slow
async def test_under_load_no_read_fails_that_had_a_living_node_and_no_write_is_sent_twice(
    nodes: Nodes, failing_over: Served
) -> None:
    load = Load(failing_over)
    async with anyio.create_task_group() as group:
        for number in range(READERS):
            group.start_soon(load.read, number)
        for number in range(WRITERS):
            group.start_soon(load.write, number)
        await disturb(nodes, load)
    assert [text for good, text in load.reads if not good] == []
    twice = {value: count for value, count in nodes.written.items() if count > 1}
    assert twice == {}
    for value, (good, text) in load.writes.items():
        if good:
            assert nodes.written[value] == 1
        else:
            assert "may have taken effect" in text, "only a write whose fate is unknown fails while a node lives"
    assert set(nodes.written) <= set(load.writes)
    assert load.slowest < PATIENCE / 2, "nobody waits for a dead node, which may take PROXMOX_TIMEOUT"


async def test_the_node_in_use_and_why_are_in_the_metrics(nodes: Nodes, failing_over: Served) -> None:
    async with connect(failing_over, "http") as session:
        assert not (await session.get(GUEST)).is_error
        nodes.kill(0)
        assert not (await session.get(GUEST)).is_error
        metrics = failing_over.ask("GET", "/metrics", BEARER).text
    assert f'proxmox_mcp_host_up{{cluster="default",host="{ADDRESSES[0]}:{nodes.port}"}} 0.0' in metrics
    assert f'proxmox_mcp_host_in_use{{cluster="default",host="{ADDRESSES[1]}:{nodes.port}"}} 1.0' in metrics
    assert f'reason="{ADDRESSES[0]}:{nodes.port} failed: ' in metrics


async def test_with_every_node_down_the_server_says_so_at_once_and_recovers_by_itself(
    nodes: Nodes, failing_over: Served
) -> None:
    async with connect(failing_over, "http") as session:
        assert not (await session.get(GUEST)).is_error
        nodes.kill(0, 1, 2)
        for call in (session.get(GUEST), session.call("list_nodes"), session.make("PUT", GUEST, {"description": "no"})):
            watch = Watch()
            answer = await call
            assert watch.soon
            assert answer.is_error
        assert all(address in answer.text for address in ADDRESSES)
        assert failing_over.ask("GET", "/livez").status == 200
        assert failing_over.ask("GET", "/readyz").status == 200
        assert not (await session.call("search_api", query="start a vm")).is_error
        nodes.revive(2)
        assert not (await session.get(GUEST)).is_error
    assert nodes.written["no"] == 0


async def test_a_dead_ticket_is_replaced_by_a_new_login_and_a_read_goes_on(
    demo: DemoCluster, nodes: Nodes, on_demo: dict[str, str], tmp_path: Path
) -> None:
    settings = {**on_demo, "PROXMOX_HOST": nodes.setting, "PROXMOX_FINGERPRINT": "", "PROXMOX_APIDOC": "bundled"}
    settings |= {"PROXMOX_USER": "root@pam", "PROXMOX_TOKEN_ID": "", "PROXMOX_PASSWORD": demo.password}
    with serving(tmp_path, **settings, MCP_MODE="full") as served:
        async with connect(served, "http") as session:
            for _ in range(3):
                assert not (await session.get(GUEST)).is_error
            first = nodes.logins
            assert first == 1
            cookies = [r.headers.get("cookie", "") for server in nodes.servers for r in list(server.requests)]
            nodes.died.update(cookie.partition("=")[2] for cookie in cookies if cookie)
            assert nodes.died
            assert not (await session.get(GUEST)).is_error
            assert not (await session.make("PUT", GUEST, {"description": "after the new login"})).is_error
            assert nodes.logins == 2
            nodes.kill(0)
            assert not (await session.get(GUEST)).is_error
    assert nodes.written["after the new login"] == 1
    await eventually(lambda: not any(node.threads for node in nodes.servers))  # All connections ended with the server.
