"""Which names and origins are allowed, and what those hear that are not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from starlette.responses import PlainTextResponse

from asgi import ask
from proxmox_mcp.app.hosts import HostGuard, normal_origin

if TYPE_CHECKING:
    from collections.abc import Sequence

NOTHING = PlainTextResponse("passed")


def guard(hosts: Sequence[str] = (), origins: Sequence[str] = ()) -> HostGuard:
    return HostGuard(NOTHING, hosts, origins)


@pytest.mark.parametrize(
    ("allowed", "host", "passes"),
    [
        ([], "localhost", True),
        ([], "127.0.0.1:8000", True),
        ([], "[::1]:8000", True),
        ([], "::1", True),
        ([], "127.0.0.2", False),
        ([], "", False),
        (["mcp.example.org"], "MCP.Example.org.", True),
        (["mcp.example.org"], "mcp.example.org.:443", True),
        (["mcp.example.org"], "mcp.example.org:x", False),
        (["mcp.example.org"], "mcp.example.org.evil.com", False),
        (["mcp.example.org"], "localhost", False),
        (["mcp.example.org:8443"], "mcp.example.org:8443", True),
        (["mcp.example.org:8443"], "mcp.example.org", False),
        (["mcp.example.org:*"], "mcp.example.org:1", True),
        (["fd00::1"], "[fd00::1]:8000", True),
        (["*"], "any.example.org:1", True),
        (["*"], "", False),
    ],
)
def test_a_name_is_allowed_as_it_is_written_in_any_spelling(allowed: list[str], host: str, passes: bool) -> None:
    assert guard(allowed).allows_host(host) is passes


@pytest.mark.parametrize(
    ("allowed", "origin", "passes"),
    [
        (["https://app.example.org"], "https://app.example.org", True),
        (["https://app.example.org/"], "https://APP.example.org:443", True),
        (["https://app.example.org"], "http://app.example.org", False),
        (["https://app.example.org"], "https://app.example.org:8443", False),
        ([], "http://mcp.example.org", True),
        ([], "https://mcp.example.org:8443", True),
        ([], "ftp://mcp.example.org", False),
        ([], "null", False),
        ([], "http://[", False),
        (["null"], "null", True),
    ],
)
def test_an_origin_is_allowed_where_it_is_set_or_is_a_page_of_an_allowed_name(
    allowed: list[str], origin: str, passes: bool
) -> None:
    assert guard(["mcp.example.org"], allowed).allows_origin(origin) is passes


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        (" HTTPS://App.Example.org:443/ ", "https://app.example.org"),
        ("http://app.example.org:80", "http://app.example.org"),
        ("http://app.example.org:443", "http://app.example.org:443"),
        ("null", "null"),
    ],
)
def test_an_origin_has_one_spelling(text: str, origin: str) -> None:
    assert normal_origin(text) == origin


async def answer(app: HostGuard, method: str = "GET", **headers: str) -> tuple[int, str]:
    given = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    reply = await ask(app, method, "/mcp", given)
    return reply.status, reply.body.decode()


@pytest.mark.anyio
async def test_a_refused_name_hears_the_setting_with_itself_added() -> None:
    told = await answer(guard(["a.example.org"]), host="b.example.org:8000")
    how = "To allow it too, set MCP_ALLOWED_HOSTS=a.example.org,b.example.org"
    assert told == (421, f"Invalid Host header: b.example.org:8000. Allowed: a.example.org. {how}")


@pytest.mark.anyio
async def test_a_refused_origin_hears_the_setting_with_itself_added() -> None:
    told = await answer(guard(), host="localhost", origin="HTTPS://App.Example.org")
    how = "To allow it, set MCP_ALLOWED_ORIGINS=https://app.example.org"
    assert told == (403, f"Invalid Origin header: HTTPS://App.Example.org. {how}")


@pytest.mark.anyio
async def test_what_is_refused_is_shown_in_part_and_without_control_characters() -> None:
    status, text = await answer(guard(), host="\x1b[2J" + "x" * 5000)
    assert status == 421
    assert "\x1b" not in text
    assert len(text) < 500


@pytest.mark.anyio
async def test_a_preflight_counts_only_from_origins_that_are_set() -> None:
    asks = {"host": "localhost", "access_control_request_method": "POST"}
    assert (await answer(guard(), "OPTIONS", origin="http://localhost", **asks))[0] == 403
    assert (await answer(guard(origins=["http://localhost"]), "OPTIONS", origin="http://localhost", **asks))[0] == 200
    assert (await answer(guard(), "OPTIONS", origin="http://localhost", host="localhost"))[0] == 200
