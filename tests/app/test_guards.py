"""The guards before the application, by what passes them: every request that they don't know the kind of is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from mcp.server.lowlevel import Server

from proxmox_mcp.app.authentication import Authentication
from proxmox_mcp.app.bodies import BufferedBodies
from proxmox_mcp.app.cors import Cors
from proxmox_mcp.app.framing import Framing
from proxmox_mcp.app.hosts import HostGuard
from proxmox_mcp.app.people import ByPort, ConsoleOnly, WithPages
from proxmox_mcp.app.request_ids import RequestIds
from proxmox_mcp.app.routes import RootPath
from proxmox_mcp.app.session_ends import OrderlyEnds
from proxmox_mcp.app.shares import CallerShares
from proxmox_mcp.policy.callers import Callers
from proxmox_mcp.web import FrontPages
from serving import TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio

FRONT = FrontPages(healthy=lambda: True, console=True, asks_token=False)


class Reached:
    """The application behind the guards: keeps what kinds of requests came through."""

    def __init__(self) -> None:
        self.kinds: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.kinds.append(scope["type"])


async def pass_by(scope: Scope, *, root: str = "", token: str = TOKEN) -> tuple[list[str], list[Message]]:
    """What came through the guards, and what they sent."""
    behind = Reached()
    callers = Callers.single(token) if token else None
    sent = await sent_by(RootPath(HostGuard(Authentication(behind, callers), [], []), root), scope)
    return behind.kinds, sent


async def sent_by(app: ASGIApp, scope: Scope) -> list[Message]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


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


@pytest.mark.parametrize("path", ["/livez", "/console/"])
async def test_a_websocket_is_closed_on_a_port_of_the_console_too(path: str) -> None:
    behind, console = Reached(), Reached()
    sent = await sent_by(ConsoleOnly(behind, FRONT, console, ()), request(path, kind="websocket"))
    assert behind.kinds == console.kinds == []
    assert [message["type"] for message in sent] == ["websocket.close"]


async def test_the_start_of_the_application_passes() -> None:
    assert (await pass_by({"type": "lifespan"}))[0] == ["lifespan"]


@pytest.mark.parametrize(
    "layer",
    [
        RequestIds,
        Framing,
        BufferedBodies,
        OrderlyEnds,
        lambda app: Cors(app, []),
        lambda app: RootPath(app, "/proxmox"),
        lambda app: HostGuard(app, [], []),
        lambda app: Authentication(app, Callers.single(TOKEN)),
        lambda app: CallerShares(app, Server("any"), 10, 60.0, stateless=False),
        lambda app: WithPages(app, FRONT, Reached(), "console.example.org"),
        lambda app: ByPort(app, Reached(), 8010),
        lambda app: ConsoleOnly(app, FRONT, Reached(), ()),
    ],
)
async def test_each_layer_passes_the_start_of_the_application_which_has_no_path(
    layer: Callable[[ASGIApp], ASGIApp],
) -> None:
    behind = Reached()
    await layer(behind)({"type": "lifespan"}, nothing_received, nothing_sent)
    assert behind.kinds == ["lifespan"]


async def nothing_received() -> Message:
    raise AssertionError("a layer took a message of the application")


async def nothing_sent(_: Message) -> None:
    raise AssertionError("a layer answered for the application")
