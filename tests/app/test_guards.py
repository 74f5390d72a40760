"""The guards before the application, by what passes them: every request that they don't know the kind of is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from proxmox_mcp.app.authentication import Authentication
from proxmox_mcp.app.hosts import HostGuard
from proxmox_mcp.app.routes import RootPath
from proxmox_mcp.policy.callers import Callers
from serving import TOKEN

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio


class Reached:
    """The application behind the guards: keeps what kinds of requests came through."""

    def __init__(self) -> None:
        self.kinds: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.kinds.append(scope["type"])


async def pass_by(scope: Scope, *, root: str = "", token: str = TOKEN) -> tuple[list[str], list[Message]]:
    """What came through the guards, and what they sent."""
    behind, sent = Reached(), []
    callers = Callers.single(token) if token else None
    app = RootPath(HostGuard(Authentication(behind, callers), [], []), root)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return behind.kinds, sent


def request(path: str, query: str = "", kind: str = "http", **headers: str) -> dict[str, Any]:
    given = {"host": "localhost", **headers}
    return {
        "type": kind,
        "method": "GET",
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }


@pytest.mark.parametrize("root", ["", "/proxmox"])
@pytest.mark.parametrize("name", ["host", "origin"])
async def test_a_page_that_reached_us_under_its_own_name_does_not_learn_the_reasons(name: str, root: str) -> None:
    evil = {"host": "evil.example.com"} if name == "host" else {"origin": "http://evil.example.com"}
    assert (await pass_by(request("/readyz", **evil), root=root, token=""))[0] == ["http"]
    assert (await pass_by(request("/readyz", "verbose", **evil), root=root, token=""))[0] == []


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "http://a]b", "https://[::1]:x", "http://\u2100"])
async def test_an_origin_that_is_no_url_is_refused_as_any_other(origin: str) -> None:
    through, sent = await pass_by(request("/sse", origin=origin, authorization=f"Bearer {TOKEN}"))
    assert through == []
    assert sent[0]["status"] == 403


@pytest.mark.parametrize("path", ["/messages/", "/sse", "/livez"])
@pytest.mark.parametrize("token", ["", TOKEN])
async def test_a_websocket_is_closed_before_anything_else_sees_it(path: str, token: str) -> None:
    through, sent = await pass_by(request(path, kind="websocket"), token=token)
    assert through == []
    assert [message["type"] for message in sent] == ["websocket.close"]


async def test_the_start_of_the_application_passes() -> None:
    assert (await pass_by({"type": "lifespan"}))[0] == ["lifespan"]
