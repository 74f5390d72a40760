"""What changes under way: tickets, certificates, the quorum, and nodes that go and come back."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from clients import Answer, connect
from faults.proxy import Fault, reset
from faults.table import Row
from patience import Watch, eventually

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from fakepve import FakePve

    from faults.proxy import Ask, Proxy
    from faults.table import Table
    from proxmox.raw_server import Request
    from serving import Served

pytestmark = pytest.mark.anyio

CONFIG = "/nodes/pve1/qemu/101/config"


def description(pve: FakePve) -> str:
    return str(pve.guest(101).config.get("description", ""))


async def timed(call: Awaitable[Answer]) -> tuple[Answer, float]:
    watch = Watch()
    answer = await call
    return answer, watch.seconds


async def test_an_expired_ticket_costs_a_read_nothing_and_a_write_is_told_to_be_repeated(
    server: Served, proxy: Proxy, pve: FakePve, table: Table
) -> None:
    async with connect(server, "http") as session:
        assert not (await session.get(CONFIG, cluster="password")).is_error
        pve.revoke_tickets()
        logins = proxy.count("/access/ticket")[0]
        read, took = await timed(session.get(CONFIG, fields="name", cluster="password"))
        assert read.text == "name: guest-101"
        assert proxy.count("/access/ticket")[0] == logins + 1
        table.add(Row("the ticket has expired", "read", read.text, 2, took))
        change = {"description": "with-a-dead-ticket"}

        def expires_before(connection: Any, ask: Ask) -> None:
            pve.revoke_tickets()
            connection.sendall(ask())

        with proxy.harm(Fault(respond=expires_before, when=lambda request: request.method == "PUT")):
            refused, took = await timed(session.make("PUT", CONFIG, change, cluster="password"))
        assert refused.is_error
        assert "Nothing was done: repeat the call" in refused.text
        assert proxy.count("with-a-dead-ticket")[0] == 1
        assert description(pve) != "with-a-dead-ticket"
        table.add(Row("the ticket has expired", "write", refused.text, 2, took, 1, 0))
        assert not (await session.make("PUT", CONFIG, change, cluster="password")).is_error
    assert description(pve) == "with-a-dead-ticket"


async def test_after_the_certificate_has_changed_nothing_is_sent_to_whoever_shows_another(
    server: Served, proxy: Proxy, certificates: list[tuple[Path, Path]], table: Table
) -> None:
    async with connect(server, "http") as session:
        assert not (await session.get(CONFIG, cluster="pinned")).is_error
        proxy.trust(certificates[1])
        proxy.drop()
        try:
            for kind in ("read", "write"):
                before = len(proxy.requests)
                call = (
                    session.get(CONFIG, cluster="pinned")
                    if kind == "read"
                    else session.make("PUT", CONFIG, {"description": "to-a-stranger"}, cluster="pinned")
                )
                answer, took = await timed(call)
                assert answer.is_error
                assert "is not the pinned one: its SHA-256 fingerprint is" in answer.text
                assert "Nothing secret was sent" in answer.text
                assert len(proxy.requests) == before
                table.add(Row("another certificate than the pinned one", kind, answer.text, 2, took, 0, 0))
        finally:
            proxy.trust(certificates[0])
            proxy.drop()
        assert not (await session.get(CONFIG, cluster="pinned")).is_error


async def test_without_a_quorum_reads_work_and_a_write_is_told_why_not(
    server: Served, proxy: Proxy, pve: FakePve, table: Table
) -> None:
    async with connect(server, "http") as session:
        pve.lose_quorum()
        try:
            read, _ = await timed(session.get(CONFIG, cluster="patient"))
            written, took = await timed(session.make("PUT", CONFIG, {"description": "no-quorum"}, cluster="patient"))
        finally:
            pve.regain_quorum()
        assert not read.is_error
        assert written.is_error
        assert "no quorum" in written.text
        assert proxy.count("no-quorum")[0] == 1
        assert description(pve) != "no-quorum"
        table.add(Row("the cluster has lost its quorum", "write", written.text, 2, took, 1, 0))
        assert not (await session.make("PUT", CONFIG, {"description": "quorum"}, cluster="patient")).is_error
    assert description(pve) == "quorum"


async def test_a_node_that_is_gone_is_named_with_those_that_are_there_and_answers_when_it_is_back(
    server: Served, proxy: Proxy, pve: FakePve, table: Table
) -> None:
    path = "/nodes/pve2/qemu/200/config"
    async with connect(server, "http") as session:
        pve.set_node_offline("pve2")
        try:
            for kind in ("read", "write"):
                call = (
                    session.get(path, cluster="patient")
                    if kind == "read"
                    else session.make("PUT", path, {"description": "to-the-gone"}, cluster="patient")
                )
                answer, took = await timed(call)
                assert answer.is_error
                assert "can't reach node pve2" in answer.text
                assert "pve2 is offline. Online: pve1." in answer.text
                table.add(Row("the guest's node is gone", kind, answer.text, 3, took, 1, 0))
            listed, took = await timed(session.get("/nodes/*/qemu/*/config", fields="vmid,name", cluster="patient"))
            assert not listed.is_error
            assert "guest-100" in listed.text
            assert "offline: pve2" in listed.text
            table.add(Row("the guest's node is gone", "GET of every guest", listed.text, 3, took))
        finally:
            pve.set_node_offline("pve2", offline=False)
        assert proxy.count("to-the-gone")[0] == 1
        assert (await session.get(path, fields="name", cluster="patient")).text == "name: guest-200"


@contextmanager
def starting(pve: FakePve) -> Iterator[Callable[[], None]]:
    """Guest 101 is stopped, and its start goes on until the function is called that this gives."""
    over = threading.Event()

    async def pause(seconds: float) -> None:
        while seconds and not over.is_set():  # noqa: ASYNC110 - set by another thread
            await anyio.sleep(0.02)

    guest = pve.guest(101)
    guest.status, guest.start_secs, pve.time_scale, pve.pause = "stopped", 1.0, 1.0, pause
    try:
        yield over.set
    finally:
        over.set()
        pve.time_scale = 0.0
        del pve.pause


def lost(connection: Any, ask: Ask) -> None:
    reset(connection)


def of_the_task(request: Request) -> bool:
    return "qmstart" in request.target


async def test_a_node_that_goes_while_its_task_is_followed_and_comes_back_is_ridden_out(
    server: Served, proxy: Proxy, pve: FakePve, table: Table
) -> None:
    looks = 0

    def away(connection: Any) -> None:
        nonlocal looks
        looks += 1
        reset(connection)

    async with connect(server, "http") as session:
        started: list[tuple[Answer, float]] = []

        async def start() -> None:
            call = session.make("POST", "/nodes/pve1/qemu/101/status/start", wait=50, cluster="patient")
            started.append(await timed(call))

        before, followed = proxy.count("/101/status/start")[0], proxy.count("qmstart")[1]
        with starting(pve) as end_the_task:
            async with anyio.create_task_group() as group:
                group.start_soon(start)
                await eventually(lambda: proxy.count("qmstart")[1] > followed)
                with proxy.harm(Fault(greet=away)):
                    await eventually(lambda: looks >= 2)
                end_the_task()
    answer, took = started[0]
    assert not answer.is_error, answer
    assert "ended: OK" in answer.text
    assert proxy.count("/101/status/start")[0] == before + 1
    table.add(Row("the node goes and comes back while a task is followed", "write", answer.text, 10, took, 1, 1))


async def test_a_node_that_stays_away_leaves_the_task_to_itself_and_says_how_to_go_on(
    server: Served, proxy: Proxy, pve: FakePve, table: Table
) -> None:
    before = proxy.count("/101/status/start")[0]
    async with connect(server, "http") as session:
        with starting(pve) as end_the_task:
            with proxy.harm(Fault(respond=lost, when=of_the_task)):
                call = session.make("POST", "/nodes/pve1/qemu/101/status/start", wait=1, cluster="patient")
                answer, took = await timed(call)
            assert not answer.is_error, answer
            assert "has started and still runs" in answer.text
            assert "Its node can't be asked now" in answer.text
            table.add(Row("the node goes while a task is followed", "write", answer.text, 5, took, 1, 1))
            path = next(word for word in answer.text.split() if word.startswith("path=")).removeprefix("path=")
            end_the_task()
            ended = await session.get(path, wait=50, cluster="patient")
        assert "ended: OK" in ended.text
    assert proxy.count("/101/status/start")[0] == before + 1
