"""Any request at the application: never a 500, never a traceback, and without a token nothing but a sign of life."""

from __future__ import annotations

import json
import logging
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import given
from hypothesis import strategies as st

from asgi import Headers, Reply, ask
from fuzz.examples import examples
from fuzz.scripted import SECRET, TOKEN, ScriptedPve, gateway_over
from patience import PATIENCE
from proxmox_mcp.app.application import make_app
from proxmox_mcp.app.routes import LIVE, READY
from proxmox_mcp.policy.callers import Callers
from proxmox_mcp.server.mcp_server import make_server
from proxmox_mcp.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.types import Message

pytestmark = [
    # The SDK leaves a stream to the garbage collector where a client goes away in the middle.
    pytest.mark.filterwarnings("ignore:.*MemoryObject.*Stream:pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:Unclosed <MemoryObject:ResourceWarning"),
]

RIGHT = f"Bearer {TOKEN}".encode()
FRONT = "/"
OF_THE_CLUSTER = (b"pve1", b"9.2.1", b"root@pam", b"a-password", SECRET.encode(), TOKEN.encode())
"""A node, its version, the user and all secrets of the scripted cluster: strangers see none of them."""
SIGNS_OF_LIFE = {b"ok", b"ready", b"not ready"}


@pytest.fixture(scope="module")
def send(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Reply]]:
    """Sends one request to an application that runs: ``send(method, path, headers, body, query)``."""
    directory = tmp_path_factory.mktemp("surface")
    gateway = gateway_over(ScriptedPve(), directory)
    settings = load_settings(
        {"PROXMOX_HOST": "pve1", "PROXMOX_USER": "root@pam", "PROXMOX_PASSWORD": "a-password", "MCP_HOST": "127.0.0.1"}
    ).server
    app = make_app(make_server(gateway), gateway, settings, Callers.single(TOKEN))
    with ExitStack() as stack:
        portal = stack.enter_context(start_blocking_portal())
        stack.enter_context(portal.wrap_async_context_manager(_lifespan(app)))
        yield lambda *given, **more: portal.call(partial(ask, app, *given, **more))


def _lifespan(app: Any) -> Any:
    """The application's start and end, as a server would ask for them."""
    from contextlib import asynccontextmanager

    import anyio

    @asynccontextmanager
    async def running() -> Any:
        starting, ending, started = True, anyio.Event(), anyio.Event()

        async def receive() -> Message:
            nonlocal starting
            if starting:
                starting = False
                return {"type": "lifespan.startup"}
            await ending.wait()
            return {"type": "lifespan.shutdown"}

        async def send(message: Message) -> None:
            assert not message["type"].endswith("failed"), message
            started.set()

        async with AsyncExitStack() as stack:
            group = await stack.enter_async_context(anyio.create_task_group())
            group.start_soon(app, {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)
            await started.wait()
            yield
            ending.set()

    return running()


# Requests.

_ROUTES = st.sampled_from(
    [
        "/",
        "/sse",
        "/mcp",
        "/messages/",
        "/messages",
        "/livez",
        "/readyz",
        "/metrics",
        "/.well-known/oauth-authorization-server",
    ]
)
_TWISTS = st.sampled_from(
    [
        lambda p: p,
        lambda p: p + "/",
        lambda p: "/" + p,
        lambda p: p.upper(),
        lambda p: p + "/..",
        lambda p: p + "/../livez",
        lambda p: "/livez/.." + p,
        lambda p: p + ";a=b",
        lambda p: p + "\x00",
        lambda p: p + "é",
        lambda p: p + "%2e%2e",
        lambda p: p.rstrip("/") + "x",
        lambda p: "https://127.0.0.1" + p,
    ]
)
PATHS = (
    st.builds(lambda route, twist: str(twist(route)), _ROUTES, _TWISTS)
    | _ROUTES
    | st.text(max_size=20).map("/".__add__)
)
METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE", "CONNECT", "get", "X"])
_LATIN = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\x00"), max_size=20).map(
    lambda t: t.encode("latin-1")
)
_HEADERS = {
    b"content-type": [
        b"application/json",
        b"text/plain",
        b"application/json; charset=utf-16",
        b"",
        b"multipart/form-data",
    ],
    b"accept": [
        b"application/json, text/event-stream",
        b"text/event-stream",
        b"text/html",
        b"*/*",
        b"application/json",
        b"",
    ],
    b"mcp-session-id": [b"x", b"0" * 32, b"", b"\xff", b"a" * 3000],
    b"mcp-protocol-version": [b"2025-06-18", b"2026-07-28", b"2024-11-05", b"1999-01-01", b"\xff"],
    b"last-event-id": [b"1", b"\xff", b""],
    b"origin": [b"http://127.0.0.1:8000", b"null", b"", b"http://[", b"http://evil.example"],
    b"host": [b"127.0.0.1:8000", b"localhost", b"[::1]:1", b"evil.example", b"", b"[", b"127.0.0.1:99999999"],
    b"x-request-id": [b"abc", b"\xff", b"a" * 500, b"1\t2"],
    b"content-length": [b"0", b"-1", b"99999999", b"abc", b""],
    b"x-forwarded-for": [b"1.2.3.4"],
    b"cookie": [b"a=b"],
}
_GOOD = [
    (b"content-type", b"application/json"),
    (b"accept", b"application/json, text/event-stream"),
    (b"host", b"127.0.0.1:8000"),
]


@st.composite
def headers(draw: st.DrawFn) -> Headers:
    """The headers of a decent client, with some of them changed, doubled or left out; no token."""
    found = [pair for pair in _GOOD if draw(st.integers(0, 9))]
    for name in draw(st.lists(st.sampled_from(sorted(_HEADERS)), max_size=4)):
        value = draw(st.sampled_from(_HEADERS[name]) | _LATIN)
        if draw(st.booleans()):
            found = [pair for pair in found if pair[0] != name]
        found.append((name, value))
    return found


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_NAMES = """
initialize ping tools/list tools/call resources/read resources/templates/list prompts/get completion/complete
server/discover notifications/initialized notifications/cancelled subscriptions/listen logging/setLevel
"""
_RPC_METHODS = st.sampled_from(_NAMES.split())
_PARAMS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["list_nodes", "search_api", "proxmox_api_call", "nothing"]) | _JSON,
        "arguments": _JSON | st.just({"query": "start a vm"}),
        "uri": _JSON | st.just("proxmox://api/nodes"),
        "protocolVersion": st.sampled_from(["2025-06-18", "2026-07-28", "1"]) | _JSON,
        "capabilities": st.just({}) | _JSON,
        "clientInfo": st.just({"name": "fuzz", "version": "1"}) | _JSON,
        "requestId": _JSON,
        "requestState": _JSON,
        "inputResponses": _JSON,
        "_meta": _JSON,
        "ref": _JSON,
        "argument": _JSON,
    },
)
_MESSAGES = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0") | _JSON, "method": _RPC_METHODS | _JSON},
    optional={"id": st.integers(0, 9) | _JSON, "params": _PARAMS | _JSON},
)
BODIES = st.one_of(
    st.just(b""),
    st.binary(max_size=40),
    _MESSAGES.map(lambda message: json.dumps(message).encode()),
    _MESSAGES.map(lambda message: json.dumps(message).encode()),
    st.lists(_MESSAGES, max_size=3).map(lambda messages: json.dumps(messages).encode()),
    _JSON.map(lambda value: json.dumps(value).encode()),
    st.sampled_from([b"[" * 100_000, b'{"a":' * 50_000, b"\xff\xfe{}", b"1" * 5000, b'{"jsonrpc":"2.0","id":1e999}']),
)
QUERIES = st.sampled_from(
    [b"", b"verbose", b"session_id=x", b"session_id=" + b"0" * 32, b"%ff=%zz", b"session_id=\xff", b"a" * 3000]
)


def watched(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What was logged that must not be: errors, and whatever carries a traceback."""
    bad = [record for record in caplog.records if record.levelno >= logging.ERROR or record.exc_info]
    caplog.clear()
    return bad


@given(method=METHODS, path=PATHS, more=headers(), body=BODIES, query=QUERIES)
@examples(300)
def test_no_request_with_the_token_makes_it_fail(
    send: Callable[..., Reply],
    caplog: pytest.LogCaptureFixture,
    method: str,
    path: str,
    more: Headers,
    body: bytes,
    query: bytes,
) -> None:
    reply = send(method, path, [(b"authorization", RIGHT), *more], body, query)
    assert reply.status == 503 or 200 <= reply.status < 500, reply
    assert b"Traceback" not in reply.body
    assert TOKEN.encode() not in reply.body
    assert reply.status not in (403, 421) or not set(reply.body) & set(range(32)), "nothing that a terminal would obey"
    assert watched(caplog) == []


@given(
    method=METHODS,
    path=PATHS,
    more=headers(),
    body=BODIES,
    query=QUERIES,
    token=st.none() | _LATIN.map(b"Bearer ".__add__) | _LATIN,
)
@examples(300)
def test_no_request_without_the_token_gets_more_than_a_sign_of_life(
    send: Callable[..., Reply],
    caplog: pytest.LogCaptureFixture,
    method: str,
    path: str,
    more: Headers,
    body: bytes,
    query: bytes,
    token: bytes | None,
) -> None:
    reply = send(method, path, [*([(b"authorization", token)] if token is not None else []), *more], body, query)
    assert (
        reply.status in (400, 401, 403, 404, 421)
        or (path in (LIVE, READY) and reply.body in {*SIGNS_OF_LIFE, b"", b"Method Not Allowed"})
        or (path == FRONT and reply.status in (200, 405))
    ), reply
    if path == FRONT:
        must_tell_nothing_of_the_cluster(reply)
    assert watched(caplog) == []


def must_tell_nothing_of_the_cluster(reply: Reply) -> None:
    seen = b"\n".join([reply.body, *(value for _, value in reply.headers)])
    assert not [fact for fact in OF_THE_CLUSTER if fact in seen], reply


@pytest.mark.parametrize("accept", [b"text/html", b"application/json"])
def test_the_front_page_tells_strangers_nothing_of_the_cluster(send: Callable[..., Reply], accept: bytes) -> None:
    reply = send("GET", FRONT, [(b"host", b"127.0.0.1:8000"), (b"accept", accept)])
    assert reply.status == 200
    assert b"proxmox-mcp" in reply.body
    must_tell_nothing_of_the_cluster(reply)


@given(second=st.sampled_from([RIGHT, b"Bearer other", b""]), path=_ROUTES)
@examples(20)
def test_two_tokens_in_one_request_are_refused(send: Callable[..., Reply], second: bytes, path: str) -> None:
    reply = send("GET", path, [(b"authorization", RIGHT), (b"authorization", second), *_GOOD])
    assert reply.status == 400
    assert "more than once" in reply.body.decode()


def test_a_decent_request_is_answered(send: Callable[..., Reply]) -> None:
    client = {"name": "fuzz", "version": "1"}
    params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}
    message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    reply = send("POST", "/mcp", [(b"authorization", RIGHT), *_GOOD], json.dumps(message).encode(), stay=PATIENCE)
    assert reply.status == 200
    assert b"proxmox-mcp" in reply.body
