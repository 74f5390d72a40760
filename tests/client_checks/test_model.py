"""The scripted model, as a client talks to it over HTTP; and the relay that cuts connections."""

from __future__ import annotations

import http.client
import json
import socket
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from patience import PATIENCE

sys.path.insert(0, str(Path(__file__).parents[2]))
from scripts.client_checks.check import ClientFaultError, UnexpectedError
from scripts.client_checks.model import SAYS, Anthropic, Dialect, Gemini, ScriptedModel, Turn, serve_model
from scripts.client_checks.relay import relaying
from scripts.client_checks.sessions import expect_recovery


def ask(url: str, request: dict[str, Any]) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(url).port or 0, timeout=PATIENCE)
    connection.request("POST", "/", json.dumps(request).encode())
    text = connection.getresponse().read().decode()
    connection.close()
    return text


def of_gemini(*answers: dict[str, Any]) -> dict[str, Any]:
    parts = [{"functionResponse": {"name": "t", "response": answer}} for answer in answers]
    return {
        "contents": [{"role": "user", "parts": [{"text": "hello"}, *parts]}],
        "tools": [{"functionDeclarations": [{"name": "t"}]}],
    }


def of_claude(*answers: str) -> dict[str, Any]:
    blocks = [{"type": "tool_result", "content": [{"type": "text", "text": answer}]} for answer in answers]
    return {"stream": True, "messages": [{"role": "user", "content": blocks}], "tools": [{"name": "t"}]}


@pytest.mark.parametrize(
    ("dialect", "requests"),
    [
        (Gemini(), [of_gemini(), of_gemini({"output": "one"}), of_gemini({"output": "one"}, {"error": "two"})]),
        (Anthropic(), [of_claude(), of_claude("one"), of_claude("one", "two")]),
    ],
    ids=["gemini", "anthropic"],
)
def test_it_makes_its_calls_in_order_then_ends_and_keeps_what_it_was_handed(
    dialect: Dialect, requests: list[dict[str, Any]]
) -> None:
    happened: list[str] = []
    turns = [
        Turn("first", {"a": 1}),
        Turn("second", before=lambda: happened.append("before"), reads=lambda last: {"seen": last}),
    ]
    model = ScriptedModel(dialect, turns)
    with serve_model(model) as url:
        housekeeping = ask(url, {})
        first, second, last = (ask(url, request) for request in requests)
    assert SAYS in housekeeping
    assert '"first"' in first
    assert '"second"' in second
    assert "seen" in second
    assert "one" in second
    assert happened == ["before"]
    assert SAYS in last
    assert model.answers == ["one", "two"]
    assert [tool["name"] for tool in model.declared] == ["t"]


def test_what_fails_between_two_turns_is_raised_and_ends_the_session() -> None:
    def fails() -> None:
        raise UnexpectedError("the stream was not opened again")

    model = ScriptedModel(Gemini(), [Turn("first", before=fails)])
    assert SAYS in model.reply(of_gemini())
    with pytest.raises(UnexpectedError, match="not opened again"):
        model.raise_failure()


def test_a_client_that_keeps_a_dead_session_is_told_from_one_that_fails() -> None:
    assert expect_recovery(["pve1 online"] * 3) == "the next call is answered"
    with pytest.raises(ClientFaultError):
        expect_recovery(["pve1 online", "Session not found", "Session not found"])
    with pytest.raises(UnexpectedError):
        expect_recovery(["pve1 online", "Session not found", "pve1 online"])
    with pytest.raises(UnexpectedError):
        expect_recovery(["Session not found"] * 3)


def test_the_relay_carries_counts_streams_and_cuts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        with relaying(server.getsockname()[1]) as relay:
            client = socket.create_connection(("127.0.0.1", relay.port), timeout=PATIENCE)
            client.sendall(b"GET /sse HTTP/1.1\r\n\r\n")
            inside, _ = server.accept()
            inside.settimeout(5)
            assert inside.recv(100).startswith(b"GET /sse")
            inside.sendall(b"event")
            assert client.recv(100) == b"event"
            assert relay.streams() == 1
            relay.cut()
            assert client.recv(100) == b""
            assert inside.recv(100) == b""
            inside.close()
            client.close()
