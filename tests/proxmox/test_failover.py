"""Several nodes of one cluster, some of them dead, mute or mad."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from clock import Clock
from patience import PATIENCE, Watch, eventually
from proxmox.raw_server import RawServer, Request, reply, serving
from proxmox_mcp.errors import NodeUnreachableError, ProxmoxError, UnreachableError
from proxmox_mcp.net.address import HostPort
from proxmox_mcp.proxmox import client
from proxmox_mcp.proxmox.client import Proxmox
from proxmox_mcp.proxmox.failover import LONGEST_REST, Hosts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from proxmox_mcp.proxmox.connection import Connection

    Connect = Callable[..., Connection]
    Certificate = tuple[Path, Path]

ONE, TWO, THREE = (HostPort(f"pve{n}", 8006) for n in (1, 2, 3))
DOWN = UnreachableError("pve is down.")


def test_the_first_host_is_asked_until_it_fails_and_the_next_stays_in_use() -> None:
    clock = Clock()
    hosts = Hosts([ONE, TWO, THREE], clock=clock)
    assert hosts.ready() == [ONE, TWO, THREE]
    hosts.failed(ONE, DOWN)
    assert hosts.ready() == [TWO, THREE]
    hosts.worked(TWO)
    clock.now += LONGEST_REST
    assert hosts.ready() == [TWO, THREE, ONE]
    state = hosts.state()
    assert state.in_use == str(TWO)
    assert "pve1:8006 failed: pve is down." in state.reason
    assert [n.up for n in state.nodes] == [False, True, None]


def test_a_host_that_keeps_failing_rests_longer_and_one_answer_clears_it() -> None:
    clock = Clock()
    hosts = Hosts([ONE], clock=clock)
    rests = []
    for _ in range(6):
        hosts.failed(ONE, DOWN)
        before = clock.now
        while not hosts.ready():
            clock.now += 0.25
        rests.append(clock.now - before)
    assert rests == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    hosts.worked(ONE)
    hosts.failed(ONE, DOWN)
    clock.now += 0.5
    assert hosts.ready() == [ONE]


def test_a_host_that_is_down_for_days_rests_no_longer_and_is_still_asked() -> None:
    clock = Clock()
    hosts = Hosts([ONE], clock=clock)
    for _ in range(5000):
        hosts.failed(ONE, DOWN)
    assert hosts.state().nodes[0].failures == 5000
    clock.now += LONGEST_REST - 0.25
    assert hosts.ready() == []
    clock.now += 0.25
    assert hosts.ready() == [ONE]


def test_a_host_that_rests_is_asked_last_and_a_silent_one_by_one_call_at_a_time() -> None:
    hosts = Hosts([ONE, TWO, THREE])
    hosts.failed(ONE, DOWN, seconds=3.0)
    hosts.failed(TWO, DOWN)
    assert [host for host, _ in hosts.attempts()] == [THREE, ONE, TWO]
    probing = hosts.attempts()
    assert [next(probing)[0], next(probing)[0]] == [THREE, ONE]
    assert [host for host, _ in hosts.attempts()] == [THREE, TWO]
    probing.close()
    assert [host for host, _ in hosts.attempts()] == [THREE, ONE, TWO]


@pytest.mark.anyio
async def test_with_every_host_down_the_error_comes_at_once_and_names_each(connect: Connect) -> None:
    pve = Proxmox(connect(hosts=(HostPort("127.0.0.1", 1), HostPort("127.0.0.2", 1)), timeout=PATIENCE))
    for _ in range(2):
        watch = Watch()
        with pytest.raises(UnreachableError) as caught:
            await pve.request("GET", "/nodes")
        assert watch.soon
        assert "127.0.0.1:1" in caught.value.message
        assert "127.0.0.2:1" in caught.value.message
    assert pve.state().in_use == ""


@pytest.mark.anyio
async def test_a_cluster_that_comes_back_is_found_again_by_itself(certificate: Certificate, connect: Connect) -> None:
    with serving(reply(1), certificate) as gone:
        port = gone.port
    pve = Proxmox(connect(port))
    with pytest.raises(UnreachableError):
        await pve.request("GET", "/nodes")
    with serving(reply("back"), certificate, port=port):
        assert await pve.request("GET", "/nodes") == "back"
    await pve.aclose()


@pytest.mark.anyio
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_call_that_never_left_is_taken_to_the_next_host(
    method: str, certificate: Certificate, connect: Connect
) -> None:
    with serving(reply("two"), certificate) as two:
        pve = Proxmox(connect(1, two.port))
        assert await pve.request(method, "/nodes") == "two"
        assert pve.state().in_use.endswith(str(two.port))
        await pve.aclose()
    assert len(two.requests) == 1


@pytest.mark.anyio
async def test_only_a_get_that_may_have_arrived_is_taken_to_the_next_host(
    certificate: Certificate, connect: Connect
) -> None:
    def cut(_: Request, connection: Any) -> None:
        raise OSError("bye")

    with serving(cut, certificate) as one, serving(reply("two"), certificate) as two:
        pve = Proxmox(connect(one.port, two.port))
        assert await pve.request("GET", "/nodes") == "two"
        for method in ("POST", "PUT", "DELETE"):
            fresh = Proxmox(connect(one.port, two.port))
            with pytest.raises(UnreachableError) as caught:
                await fresh.request(method, "/nodes/pve1/qemu/100")
            assert caught.value.sent
        await pve.aclose()
    assert two.posted == []
    assert len(one.posted) == 3


@pytest.mark.anyio
async def test_a_host_whose_own_daemon_is_away_is_left_for_reads_of_the_cluster(
    certificate: Certificate, connect: Connect
) -> None:
    away = reply(status=595, reason="Connection refused", body=b"")
    with serving(away, certificate) as one, serving(reply("two"), certificate) as two:
        pve = Proxmox(connect(one.port, two.port))
        assert await pve.request("GET", "/cluster/resources") == "two"
        assert "Connection refused" in pve.state().reason
        for method, path in (("GET", "/nodes/pve3/status"), ("POST", "/cluster/backup")):
            with pytest.raises(NodeUnreachableError):
                await Proxmox(connect(one.port, two.port)).request(method, path)
        await pve.aclose()


@pytest.mark.anyio
async def test_a_host_that_hangs_is_told_from_a_slow_call_and_left(
    certificate: Certificate, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "SUSPICIOUS_SILENCE", 0.2)
    stop = threading.Event()

    def mute(_: Request, connection: Any) -> None:
        stop.wait(PATIENCE)

    def slow(request: Request, connection: Any) -> None:
        if not request.target.endswith("/version"):
            time.sleep(0.7)
        connection.sendall(reply("slow"))

    with serving(mute, certificate) as one, serving(slow, certificate) as two:
        pve = Proxmox(connect(one.port, two.port, timeout=PATIENCE))
        watch = Watch()
        assert await pve.request("GET", "/nodes") == "slow"
        assert watch.soon
        stop.set()
        await pve.aclose()
    assert len([r for r in two.requests if r.target.endswith("/nodes")]) == 1


@pytest.mark.slow
@pytest.mark.anyio
async def test_under_steady_load_no_read_fails_that_had_a_living_node_and_no_write_is_sent_twice(
    certificate: Certificate, connect: Connect
) -> None:
    written: list[str] = []

    def answer(request: Request, connection: Any) -> None:
        if request.method == "POST":
            written.append(request.body.decode())
        connection.sendall(reply("ok"))

    servers = [RawServer(answer, certificate) for _ in range(3)]
    for server in servers:
        server.start()
    ports = [server.port for server in servers]
    pve = Proxmox(connect(*ports))
    over = False
    writes, unsure = 0, 0
    wronged: list[ProxmoxError] = []
    answered: Counter[str] = Counter()

    async def read(who: int) -> None:
        while not over:
            assert await pve.request("GET", "/cluster/resources") == "ok"
            answered[f"reader {who}"] += 1

    async def write(who: int) -> None:
        nonlocal writes, unsure
        while not over:
            writes += 1
            answered[f"writer {who}"] += 1
            try:
                await pve.request("POST", "/cluster/backup", {"id": f"{who}-{writes}"})
            except ProxmoxError as error:
                unsure += error.sent
                if not error.sent:
                    wronged.append(error)

    async def goes_on() -> None:
        """Until each has had two more answers: the second was asked for in the state that is now."""
        before = Counter(answered)
        await eventually(
            lambda: len(answered) == 8 and all(count >= before[who] + 3 for who, count in answered.items())
        )

    async def disturb() -> None:
        nonlocal over
        for round_ in range(6):
            victim = round_ % 3
            await goes_on()
            servers[victim].stop()
            await goes_on()
            with contextlib.suppress(OSError):
                servers[victim] = RawServer(answer, certificate, port=ports[victim])
                servers[victim].start()
        over = True

    async with anyio.create_task_group() as group:
        for number in range(4):
            group.start_soon(read, number)
            group.start_soon(write, number)
        group.start_soon(disturb)
    await pve.aclose()
    for server in servers:
        server.stop()
    assert wronged == []
    assert len(written) == len(set(written))
    assert len(written) >= writes - unsure
