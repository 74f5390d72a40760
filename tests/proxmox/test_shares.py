"""The way to a cluster under many calls: each caller has a share, and calls that were called off leave nothing."""

from __future__ import annotations

import sys
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from example_counts import share_of
from patience import PATIENCE, eventually
from proxmox.raw_server import reply, serving
from proxmox_mcp.errors import DeadlineError
from proxmox_mcp.proxmox.client import PLACES, Proxmox
from proxmox_mcp.proxmox.shares import Shares, on_behalf_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from proxmox.raw_server import RawServer, Request
    from proxmox_mcp.proxmox.connection import Connection

    Connect = Callable[..., Connection]
    Certificate = tuple[Path, Path]

pytestmark = pytest.mark.anyio
LONG = 5 * PATIENCE
"""Seconds that calls themselves have, much more than a test waits for anything."""


class Held:
    """A node that holds the answers to ``/slow`` until it is told, and answers all else at once."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.begun = 0

    def __call__(self, request: Request, connection: Any) -> None:
        if request.target.endswith("/slow"):
            self.begun += 1
            self.go_on.wait(LONG)
        connection.sendall(reply(request.target))


@pytest.mark.parametrize("greedy", [1, 2, 5])
async def test_slow_reads_of_some_callers_keep_nobody_else_waiting(
    greedy: int, certificate: Certificate, connect: Connect
) -> None:
    node = Held()
    with serving(node, certificate) as server:
        pve = Proxmox(connect(server.port, timeout=LONG))
        answered: list[str] = []

        async def read(caller: str) -> None:
            with on_behalf_of(caller):
                answered.append(await pve.request("GET", "/slow"))

        async with anyio.create_task_group() as group:
            for number in range(20 * greedy):
                group.start_soon(read, f"greedy-{number % greedy}")
            await eventually(lambda: node.begun == pve.shares.held >= greedy * (PLACES // (greedy + 1)))
            for caller in ("patient", "another"):
                with on_behalf_of(caller), anyio.fail_after(PATIENCE):
                    assert (await pve.request("GET", "/quick")).endswith("/quick")
            assert not answered
            node.go_on.set()
        assert len(answered) == 20 * greedy
        await eventually(lambda: pve.shares.held == 0)
        await pve.aclose()


def _mute(_: Request, connection: Any) -> None:
    time.sleep(0.01)


def _begins(_: Request, connection: Any) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")


def _silent_after(script: Callable[[Request, Any], None], stop: threading.Event) -> Callable[[Request, Any], None]:
    def act(request: Request, connection: Any) -> None:
        script(request, connection)
        stop.wait(LONG)

    return act


@pytest.mark.parametrize("phase", ["before TLS", "before the answer", "within the answer", "at the login"])
@pytest.mark.parametrize("hosts", [1, 2])
async def test_a_read_that_is_called_off_frees_its_thread_and_its_place_long_before_its_deadline(
    phase: str, hosts: int, certificate: Certificate, connect: Connect
) -> None:
    stop = threading.Event()
    script = _begins if phase == "within the answer" else _mute
    tls = None if phase == "before TLS" else certificate
    login = {"token": "", "secret": "a-password"} if phase == "at the login" else {}
    with serving(_silent_after(script, stop), tls) as server:
        pve = Proxmox(connect(*[server.port] * hosts, timeout=LONG, **login))
        for _ in range(3):
            begun = server.connections
            async with anyio.create_task_group() as group:
                for _ in range(PLACES):
                    group.start_soon(pve.request, "GET", "/nodes")
                await eventually(lambda: pve.shares.held == PLACES // 2)
                await eventually(partial(_connected, server, begun))
                await anyio.sleep(0.05)
                group.cancel_scope.cancel()
            await eventually(lambda: pve.shares.held == 0)
        assert _busy_workers() == 0
        stop.set()


def _connected(server: RawServer, before: int) -> bool:
    return server.connections > before


def _busy_workers() -> int:
    """Threads that are within one of our exchanges."""
    frames = sys._current_frames()
    busy = 0
    for thread in threading.enumerate():
        frame = frames.get(thread.ident or 0)
        while frame is not None:
            if frame.f_code.co_filename.endswith("proxmox/workers.py"):
                busy += 1
                break
            frame = frame.f_back
    return busy


async def test_a_write_that_is_called_off_while_it_waits_for_its_place_is_not_sent(
    certificate: Certificate, connect: Connect
) -> None:
    node = Held()
    with serving(node, certificate) as server:
        pve = Proxmox(connect(server.port, timeout=LONG))
        async with anyio.create_task_group() as reads:
            for _ in range(PLACES):
                reads.start_soon(pve.request, "GET", "/slow")
            await eventually(lambda: node.begun == PLACES // 2)
            async with anyio.create_task_group() as writes:
                for _ in range(5):
                    writes.start_soon(pve.request, "POST", "/nodes/pve1/qemu/100/status/start")
                await anyio.sleep(0.05)
                writes.cancel_scope.cancel()
            node.go_on.set()
        assert server.posted == []
        assert pve.shares.held == 0
        await pve.aclose()


async def test_a_call_that_never_gets_a_place_says_that_nothing_was_sent(
    certificate: Certificate, connect: Connect
) -> None:
    node = Held()
    with serving(node, certificate) as server:
        pve = Proxmox(connect(server.port, timeout=LONG))
        async with anyio.create_task_group() as reads:
            for _ in range(PLACES):
                reads.start_soon(pve.request, "GET", "/slow")
            await eventually(lambda: node.begun == PLACES // 2)
            with pytest.raises(DeadlineError, match="used all your connections") as caught:
                await pve.request("PUT", "/nodes/pve1/qemu/100/config", {}, deadline=0.1)
            assert "Nothing was sent." in caught.value.advice
            assert caught.value.sent is False
            node.go_on.set()
        assert server.posted == []
        await pve.aclose()


async def test_no_answer_reaches_another_call_when_calls_around_it_are_called_off(
    certificate: Certificate, connect: Connect
) -> None:
    def echo(request: Request, connection: Any) -> None:
        time.sleep(len(server.requests) % 4 / 1000)
        connection.sendall(reply(request.target.rpartition("/")[2]))

    wrong: list[Any] = []
    with serving(echo, certificate) as server:
        pve = Proxmox(connect(server.port, timeout=LONG))

        async def ask(number: int) -> None:
            with anyio.move_on_after(number % 7 / 1000 if number % 2 else PATIENCE):
                answer = await pve.request("GET", f"/{number}")
                wrong.extend([answer] if answer != str(number) else [])

        async with anyio.create_task_group() as group:
            for number in range(300):
                group.start_soon(ask, number)
        await eventually(lambda: pve.shares.held == 0)
        await pve.aclose()
    assert wrong == []


@settings(max_examples=share_of(50))
@given(
    size=st.integers(2, 20),
    steps=st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(["take", "give", "leave"])), max_size=60),
)
def test_whatever_callers_do_places_are_neither_lost_nor_doubled_and_none_holds_more_than_is_free(
    size: int, steps: list[tuple[str, str]]
) -> None:
    async def play() -> None:
        shares = Shares(size)
        holds: list[str] = []
        asking: list[tuple[str, anyio.CancelScope]] = []

        async def take(owner: str) -> None:
            with anyio.CancelScope() as scope:
                asking.append((owner, scope))
                try:
                    await shares.take(owner)
                    holds.append(owner)
                finally:
                    asking.remove((owner, scope))

        async with anyio.create_task_group() as group:
            for owner, step in steps:
                if step == "take":
                    group.start_soon(take, owner)
                elif step == "give" and owner in holds:
                    holds.remove(owner)
                    shares.give_back(owner)
                elif step == "leave" and (mine := [scope for who, scope in asking if who == owner]):
                    mine[0].cancel()
                await anyio.wait_all_tasks_blocked()
                assert shares.held == len(holds) <= size
                assert all(holds.count(each) <= (size + 1) // 2 for each in holds)
                free = size - len(holds)
                assert not [who for who, _ in asking if holds.count(who) < free], "somebody waits who need not"
            group.cancel_scope.cancel()

    anyio.run(play)
