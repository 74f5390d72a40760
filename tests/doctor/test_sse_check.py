"""What servers and proxies do to ``/sse``, byte by byte: streams that end, and addresses that clients refuse."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from patience import PATIENCE
from proxmox.raw_server import Request, serving
from proxmox_mcp.doctor import sse_check
from proxmox_mcp.doctor.client_url import ClientUrl
from proxmox_mcp.doctor.sse_check import SseProbe
from proxmox_mcp.doctor.steps import ReportSection
from proxmox_mcp.doctor.timing import Deadline
from proxmox_mcp.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxmox_mcp.doctor.steps import CheckStep

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n"
ENDPOINT = "event: endpoint\ndata: {}\n\n"
HELLO = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"serverInfo": {"name": "ours", "version": "1"}}})


@pytest.fixture(autouse=True)
def _waits_for_a_busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("EVENT_SECONDS", "LATE"):
        monkeypatch.setattr(sse_check, name, PATIENCE)


class Proxy:
    """Answers GET /sse with ``events`` and ends the stream; takes every message, and counts them."""

    def __init__(self, *events: str, encoding: str = "", silent: bool = False) -> None:
        self.events, self.encoding, self.silent = events, encoding, silent
        self.messages = 0

    def __call__(self, request: Request, connection: Any) -> None:
        if request.method == "POST":
            self.messages += 1
            connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
            return
        if request.target != "/sse":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            return
        compressed = self.encoding and "gzip" in request.headers.get("accept-encoding", "")
        head = HEAD + (f"Content-Encoding: {self.encoding}\r\n" if compressed else "").encode() + b"\r\n"
        connection.sendall(head if compressed else head + "".join(self.events).encode())
        if self.silent:
            connection.recv(1)
        connection.close()


@contextmanager
def probed(proxy: Proxy) -> Iterator[list[CheckStep]]:
    with serving(proxy, None) as server:
        target = ClientUrl.of(f"http://127.0.0.1:{server.port}/sse")
        yield list(SseProbe(ReportSection("it"), target, read_settings({}).server, Deadline.after(PATIENCE)).steps())


def only(proxy: Proxy) -> CheckStep:
    """The one step of the check."""
    with probed(proxy) as (step,):
        return step


def test_a_stream_with_its_address_and_an_answer_is_ok() -> None:
    proxy = Proxy(ENDPOINT.format("/messages/?session_id=1"), f"event: message\ndata: {HELLO}\n\n")
    step = only(proxy)
    assert step.status == "ok"
    assert "ours 1 answers" in step.found
    assert proxy.messages == 1


@pytest.mark.parametrize("events", [(), (": a comment\n\n",), ("event: other\ndata: x\n\n",)])
def test_a_stream_that_ends_before_the_address_fails(events: tuple[str, ...]) -> None:
    proxy = Proxy(*events)
    step = only(proxy)
    assert step.status == "fail"
    assert step.found.endswith("the stream ended before its first event.")
    assert proxy.messages == 0


@pytest.mark.parametrize("answer", ["", "data: not json\n\n", f"event: other\ndata: {HELLO}\n\n"])
def test_a_stream_that_ends_before_the_answer_fails(answer: str) -> None:
    step = only(Proxy(ENDPOINT.format("/messages/?session_id=1"), answer))
    assert step.status == "fail"
    assert step.found.endswith("the stream ended before the answer to the first message.")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://evil.example.org/messages/", "is on another server, which clients refuse"),
        ("//evil.example.org/messages/", "is on another server, which clients refuse"),
        ("/messages/?session_id=ü", "is on another server, which clients refuse"),
        ("http://[/messages/", "the address for messages that clients get is invalid"),
    ],
)
def test_an_address_that_clients_refuse_gets_no_message(address: str, said: str) -> None:
    proxy = Proxy(ENDPOINT.format(address), f"event: message\ndata: {HELLO}\n\n")
    with probed(proxy) as steps:
        assert steps[-1].status == "fail"
        assert said in steps[-1].found
    assert proxy.messages == 0


def test_a_compressed_stream_is_a_warning_and_is_asked_for_again_as_it_is() -> None:
    proxy = Proxy(ENDPOINT.format("/messages/"), f"event: message\ndata: {HELLO}\n\n", encoding="gzip")
    with probed(proxy) as (warning, result):
        assert (warning.status, result.status) == ("warn", "ok")
        assert "compresses the stream (gzip)" in warning.found


def test_a_message_without_an_answer_blames_the_proxy_where_the_server_is_healthy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Buffering(Proxy):
        def __call__(self, request: Request, connection: Any) -> None:
            if request.method == "POST":  # All before it may take its time on a busy machine.
                monkeypatch.setattr(sse_check, "EVENT_SECONDS", 0.1)
            super().__call__(request, connection)

    step = only(Buffering(ENDPOINT.format("/messages/"), silent=True))
    assert step.status == "fail"
    assert "a message was accepted, but the stream brought no answer within 0.1 s" in step.found
    assert "the server is healthy, so a proxy buffers the stream" in step.found
