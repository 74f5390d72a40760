"""What a writer asks in the last moment before it sends."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from patience import PATIENCE, eventually
from proxmox.raw_server import reply, serving
from proxmox_mcp.errors import FrozenError
from proxmox_mcp.proxmox.access import GuestAccess, Writer
from proxmox_mcp.proxmox.client import PLACES, Proxmox

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from proxmox.raw_server import Request
    from proxmox_mcp.proxmox.connection import Connection

    Connect = Callable[..., Connection]
    Certificate = tuple[Path, Path]

pytestmark = pytest.mark.anyio


class Node:
    """Answers at once, except ``/slow``: when it is told to."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.got: list[str] = []

    def __call__(self, request: Request, connection: Any) -> None:
        self.got.append(f"{request.method} {request.target.removeprefix('/api2/json')}")
        if "/slow" in request.target:
            self.go_on.wait(3 * PATIENCE)
        connection.sendall(reply("done"))


class Switch:
    """A permit that can be taken back."""

    refuses = False
    asked = 0

    def __call__(self) -> None:
        self.asked += 1
        if self.refuses:
            raise FrozenError("frozen")


async def test_a_write_that_is_not_permitted_is_not_sent_and_a_read_is_not_asked_about(
    certificate: Certificate, connect: Connect
) -> None:
    node, switch = Node(), Switch()
    switch.refuses = True
    with serving(node, certificate) as server:
        pve = Proxmox(connect(server.port))
        writer = Writer(pve, switch)
        for method in ("POST", "PUT", "DELETE"):
            with pytest.raises(FrozenError):
                await writer.send(method, "/x", {})
        with pytest.raises(FrozenError):
            await GuestAccess(pve, switch).post("/x")
        assert switch.asked == 4
        assert (await writer.send("GET", "/x", {})).data == "done"
        assert switch.asked == 4
        switch.refuses = False
        await writer.send("POST", "/y", {})
        await pve.aclose()
    assert node.got == ["GET /x", "POST /y"]
    assert switch.asked == 5


async def test_what_is_refused_while_a_write_waits_for_its_connection_is_not_sent(
    certificate: Certificate, connect: Connect
) -> None:
    node, switch = Node(), Switch()
    refused: list[FrozenError] = []
    with serving(node, certificate) as server:
        pve = Proxmox(connect(server.port, timeout=3 * PATIENCE))
        writer = Writer(pve, switch)

        async def write() -> None:
            try:
                await writer.send("DELETE", "/guest", {})
            except FrozenError as error:
                refused.append(error)

        async with anyio.create_task_group() as group:
            for _ in range(PLACES):
                group.start_soon(writer.send, "GET", "/slow", {})
            await eventually(lambda: len(node.got) >= PLACES // 2)
            group.start_soon(write)
            await anyio.lowlevel.checkpoint()
            switch.refuses = True
            node.go_on.set()
        await pve.aclose()
    assert len(refused) == 1
    assert "DELETE /guest" not in node.got
