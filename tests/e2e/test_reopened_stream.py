"""A stream that was cut and opened again without ``initialize``, as Gemini CLI does: byte by byte."""

from __future__ import annotations

import http.client
import json
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from serving import TOKEN, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from serving import Served

PATIENCE = 10.0
CALL = {"name": "search_api", "arguments": {"query": "start a vm"}}
HANDSHAKE = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}


class Stream:
    """One open ``/sse`` and the address that it gave for messages."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._headers = {"Authorization": f"Bearer {TOKEN}"}
        self._connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=PATIENCE)
        self._connection.request("GET", "/sse", headers={**self._headers, "Accept": "text/event-stream"})
        self._response = self._connection.getresponse()
        assert self._response.status == 200
        self.address = self._event()

    def post(self, method: str, params: dict[str, Any] | None = None, number: int | None = None) -> int:
        """Send a request, or without a number a notification: the status."""
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
        if params is not None:
            message["params"] = params
        if number is not None:
            message["id"] = number
        headers = {**self._headers, "Content-Type": "application/json"}
        return self._served.ask("POST", self.address, headers, json.dumps(message).encode()).status

    def request(self, method: str, params: dict[str, Any] | None = None, number: int = 7) -> dict[str, Any]:
        """Send a request and wait for the message that answers it."""
        assert self.post(method, params, number) == 202
        while True:
            answer: dict[str, Any] = json.loads(self._event())
            if answer.get("id") == number:
                return answer

    def close(self) -> None:
        self._response.close()
        self._connection.close()

    def _event(self) -> str:
        while line := self._response.readline().decode():
            if line.startswith("data: "):
                return line.removeprefix("data: ").strip()
        raise ConnectionError("the stream has ended")


@contextmanager
def stream(served: Served) -> Iterator[Stream]:
    """``/sse``, opened and not initialized."""
    opened = Stream(served)
    try:
        yield opened
    finally:
        opened.close()


def text_of(answer: dict[str, Any]) -> str:
    assert "error" not in answer, answer
    text: str = answer["result"]["content"][0]["text"]
    return text


def test_a_call_is_answered_on_a_reopened_stream_that_was_not_initialized(server: Served) -> None:
    with stream(server) as reopened:
        assert "/status/start" in text_of(reopened.request("tools/call", CALL, 41))
        nodes = reopened.request("tools/call", {"name": "list_nodes", "arguments": {"wait_for_previous": True}}, 42)
        assert "pve1" in text_of(nodes)


@pytest.mark.parametrize("method", ["tools/list", "prompts/list", "resources/templates/list"])
def test_lists_are_given_on_a_reopened_stream_and_calls_after_them(server: Served, method: str) -> None:
    with stream(server) as reopened:
        assert reopened.request(method, number=8)["result"]
        assert "/status/start" in text_of(reopened.request("tools/call", CALL, 9))


def test_what_a_client_sends_before_its_first_request_changes_nothing(server: Served) -> None:
    with stream(server) as reopened:
        assert reopened.post("notifications/cancelled", {"requestId": 6, "reason": "the stream was cut"}) == 202
        assert reopened.post("notifications/roots/list_changed") == 202
        assert reopened.request("ping", number=6)["result"] == {}
        assert "/status/start" in text_of(reopened.request("tools/call", CALL))


def test_a_stream_that_is_initialized_is_left_alone(server: Served) -> None:
    with stream(server) as fresh:
        assert fresh.request("initialize", HANDSHAKE, 0)["result"]["protocolVersion"] == "2025-06-18"
        assert fresh.post("notifications/initialized") == 202
        assert "/status/start" in text_of(fresh.request("tools/call", CALL, 1))


def test_a_reopened_stream_has_no_capabilities_so_that_a_risky_call_gets_a_token(server: Served) -> None:
    risky = {"method": "DELETE", "path": "/nodes/*/qemu/100"}
    with stream(server) as reopened:
        answer = reopened.request("tools/call", {"name": "proxmox_api_call", "arguments": risky})
    assert answer["result"]["isError"]
    assert "confirm: " in answer["result"]["content"][0]["text"]


def test_after_a_restart_of_the_server_the_next_call_of_a_reopened_stream_works(
    on_demo: dict[str, str], tmp_path: Path
) -> None:
    with serving(tmp_path / "before", **on_demo) as before:
        port = before.port
        opened = Stream(before)
        opened.request("initialize", HANDSHAKE, 0)
        opened.post("notifications/initialized")
        assert "/status/start" in text_of(opened.request("tools/call", CALL, 1))
        assert before.end(signal.SIGTERM) == 0
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            opened.request("tools/call", CALL, 2)
        opened.close()
    with serving(tmp_path / "after", **{**on_demo, "MCP_PORT": str(port)}) as after:
        reopened = Stream(after)
        assert reopened.address != opened.address
        assert "/status/start" in text_of(reopened.request("tools/call", CALL, 2))
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        ping = json.dumps({"jsonrpc": "2.0", "method": "ping", "id": 3}).encode()
        assert after.ask("POST", opened.address, headers, ping).status == 404
        reopened.close()
