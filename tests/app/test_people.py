"""Who gets a page and who gets the application, by path, name and port."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from starlette.responses import PlainTextResponse

from asgi import ask
from proxmox_mcp.app.people import ByPort, ConsoleOnly, WithPages, is_console
from proxmox_mcp.web import FrontPages

if TYPE_CHECKING:
    from starlette.types import ASGIApp

pytestmark = pytest.mark.anyio

APP, CONSOLE = PlainTextResponse("the application"), PlainTextResponse("the console")
FRONT = FrontPages(healthy=lambda: True, console=True, asks_token=False)
NAME = "console.example.org"


async def answer(app: ASGIApp, path: str, *, host: str = "localhost", accept: str = "*/*", port: int = 8000) -> str:
    """What answers: the application, the console, the front page, nothing there, or refused for its name."""
    headers = [(b"host", host.encode()), (b"accept", accept.encode())]
    reply = await ask(app, "GET", path, headers, server=("127.0.0.1", port))
    if reply.status != 200:
        return {404: "not found", 421: "refused"}[reply.status]
    text = reply.body.decode()
    return text if text in ("the application", "the console") else "front page"


@pytest.mark.parametrize(
    ("path", "accept", "answered"),
    [
        ("/", "*/*", "front page"),
        ("/console", "*/*", "the console"),
        ("/console/nodes", "*/*", "the console"),
        ("/consoles", "*/*", "the application"),
        ("/consoles", "text/html", "not found"),
        ("/mcp", "text/html", "the application"),
        ("/sse/", "text/html", "the application"),
        ("/.well-known/oauth", "text/html", "the application"),
        ("/livez", "text/html", "the application"),
    ],
)
async def test_a_path_is_of_people_or_of_programs(path: str, accept: str, answered: str) -> None:
    assert await answer(WithPages(APP, FRONT, CONSOLE), path, accept=accept) == answered


async def test_without_a_console_its_paths_are_not_there() -> None:
    app = WithPages(APP, FRONT, None)
    assert await answer(app, "/console/") == "not found"
    assert await answer(app, "/") == "front page"


@pytest.mark.parametrize("host", [NAME, f"{NAME}:8443", f"{NAME.upper()}."])
@pytest.mark.parametrize(
    ("path", "answered"),
    [
        ("/", "the console"),
        ("/console/", "the console"),
        ("/mcp", "not found"),
        ("/metrics", "not found"),
        ("/livez", "the application"),
    ],
)
async def test_a_console_with_a_name_of_its_own_is_all_that_there_is_under_it(
    host: str, path: str, answered: str
) -> None:
    assert await answer(WithPages(APP, FRONT, CONSOLE, NAME), path, host=host) == answered


@pytest.mark.parametrize(
    ("path", "answered"), [("/", "front page"), ("/console/", "not found"), ("/mcp", "the application")]
)
async def test_a_console_with_a_name_of_its_own_is_under_no_other(path: str, answered: str) -> None:
    assert await answer(WithPages(APP, FRONT, CONSOLE, NAME), path, host=f"mcp.{NAME}") == answered


async def test_a_port_of_the_console_leads_to_it_and_no_other_does() -> None:
    app = ByPort(APP, CONSOLE, 8010)
    assert await answer(app, "/mcp", port=8010) == "the console"
    assert await answer(app, "/mcp", port=8000) == "the application"


@pytest.mark.parametrize(
    ("path", "host", "answered"),
    [
        ("/", NAME, "the console"),
        ("/console/nodes", NAME, "the console"),
        ("/mcp", NAME, "not found"),
        ("/console/", "evil.example.org", "refused"),
        ("/livez", "evil.example.org", "the application"),
        ("/readyz", "evil.example.org", "the application"),
    ],
)
async def test_on_a_port_of_its_own_are_the_console_and_health_checks(path: str, host: str, answered: str) -> None:
    assert await answer(ConsoleOnly(APP, FRONT, CONSOLE, (NAME,)), path, host=host) == answered


@pytest.mark.parametrize(("route", "of_console"), [("/console", True), ("/console/x", True), ("/console-x", False)])
def test_a_route_of_the_console_is_it_or_below_it(route: str, of_console: bool) -> None:
    assert is_console(route) is of_console
