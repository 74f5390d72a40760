"""Writes on record: what was there before, what a write that failed has changed, and what others wrote meanwhile."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from proxmox.raw_server import reply
from proxmox_mcp.errors import ConfirmationError, FailedError, PermissionDeniedError
from proxmox_mcp.gateway import Gateway, Request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from proxmox.raw_server import RawServer
    from proxmox.raw_server import Request as Sent

pytestmark = pytest.mark.anyio

CONFIG = "/nodes/pve1/qemu/100/config"


class Node:
    """A node with one VM. A PUT sets its ``cores`` to 4 where it ``writes``, and is answered with ``status``; the
    configuration may be ``hidden`` from who reads it."""

    def __init__(self) -> None:
        self.config: dict[str, Any] = {"name": "web-01", "cores": 2}
        self.reads = 0
        self.status = 200
        self.writes = True
        self.hidden = False
        self.before_read: Callable[[int], None] = lambda number: None

    def answer(self, request: Sent, connection: Any) -> None:
        path = request.target.partition("?")[0].removeprefix("/api2/json")
        data: Any = []
        if path == "/version":
            data = {"version": "9.2.1", "release": "9.2"}
        elif path == "/cluster/resources":
            data = [{"type": "qemu", "vmid": 100, "name": "web-01", "node": "pve1", "id": "qemu/100"}]
        elif path == CONFIG and request.method == "GET":
            self.reads += 1
            self.before_read(self.reads)
            if self.hidden:
                connection.sendall(reply(status=403, reason="Permission check failed"))
                return
            data = {**self.config, "digest": "0" * 40}
        elif path.endswith("/pending"):
            data = [{"key": "digest", "value": "0" * 40}]
            data += [{"key": key, "value": value} for key, value in self.config.items()]
        elif request.method == "PUT":
            if self.writes:
                self.config["cores"] = 4
            if self.status != 200:
                body = json.dumps({"data": None, "message": "it broke\n"}).encode()
                connection.sendall(reply(status=self.status, reason="it broke", body=body))
                return
            data = None
        connection.sendall(reply(data))


@pytest.fixture
def node() -> Node:
    return Node()


@pytest.fixture
async def gateway(upstream: RawServer, gateway_to: Callable[..., Gateway]) -> AsyncIterator[Gateway]:
    made = gateway_to(upstream.port, MCP_MODE="full")
    yield made
    await made.aclose()


def write(**data: Any) -> Request:
    return Request(method="PUT", path=CONFIG, data=data or {"cores": 4})


def last(gateway: Gateway) -> Any:
    assert gateway.changes is not None
    return gateway.changes.listed(most=1)[0]


async def test_a_write_is_told_with_what_it_changed_and_on_record(gateway: Gateway) -> None:
    told = await gateway.call(write())
    assert "cores" in told
    assert f"Change {last(gateway).number}, " in told
    assert last(gateway).outcome == "ok"


async def test_a_write_that_failed_and_has_written_says_so(gateway: Gateway, node: Node) -> None:
    node.status = 500
    with pytest.raises(FailedError) as caught:
        await gateway.call(write())
    assert caught.value.advice.startswith("It has written all the same: ")
    assert "cores" in caught.value.advice
    assert f"Change {last(gateway).number}, " in caught.value.advice
    assert last(gateway).outcome == FailedError.code


async def test_a_write_that_failed_and_has_written_nothing_is_the_error_alone(gateway: Gateway, node: Node) -> None:
    node.status, node.writes = 500, False
    with pytest.raises(FailedError) as caught:
        await gateway.call(write())
    assert "written" not in str(caught.value)
    assert last(gateway).outcome == FailedError.code


async def test_after_a_refusal_nothing_is_read_back(gateway: Gateway, node: Node, upstream: RawServer) -> None:
    node.status, node.writes = 403, False
    with pytest.raises(PermissionDeniedError):
        await gateway.call(write())
    assert last(gateway).outcome == PermissionDeniedError.code
    methods = [request.method for request in upstream.requests]
    after = [request.target for request in upstream.requests[methods.index("PUT") + 1 :]]
    assert not [target for target in after if CONFIG.removesuffix("/config") in target]


async def test_the_state_that_a_person_thought_about_for_long_is_read_again(
    gateway: Gateway, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxmox_mcp.gateway.changes.STALE_AFTER", -1.0)
    node.before_read = lambda number: node.config.update(cores=1 + number)
    assert "cores: 3 → 4" in await gateway.call(write())


async def test_what_can_not_be_undone_whole_any_more_since_others_wrote_is_not_sent(
    gateway: Gateway, node: Node, upstream: RawServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxmox_mcp.gateway.changes.STALE_AFTER", -1.0)

    def hide(number: int) -> None:
        node.hidden = number > 1

    node.before_read = hide
    with pytest.raises(ConfirmationError, match="changed meanwhile, and it can't be undone whole any more") as caught:
        await gateway.call(write())
    assert caught.value.advice == "Nothing was sent. Make the call again."
    assert "PUT" not in [request.method for request in upstream.requests]
