"""The nginx recipes of the documents, with a real nginx, TLS, a real server and a real MCP client."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import anyio
import httpx2
import pytest
from mcp_types import TextContent

from e2e.proxied import TOKEN, Site, nginx, our_server, recipe
from patience import Watch
from proxmox.raw_server import Request, reply, serving
from tools import needs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from e2e.proxied import Certificate

pytestmark = [
    needs("nginx"),
    pytest.mark.anyio,
]

NAME = "proxmox-mcp.example.org"
NAMED, BELOW = "nginx: a name of its own", "nginx: under a path"
LONG_CALL = 12.0
"""Seconds: longer than the 10 after which careless set-ups cut."""

NODE = {"id": "node/pve1", "node": "pve1", "type": "node", "status": "online", "uptime": 60}


@pytest.fixture(scope="module")
def slow_proxmox(certificate: Certificate) -> Iterator[int]:
    """Tells of its one node after ``LONG_CALL``; its version at once."""

    def script(request: Request, connection: Any) -> None:
        if "/cluster/resources" in request.target:
            time.sleep(LONG_CALL)
            connection.sendall(reply([NODE]))
        else:
            connection.sendall(reply({"version": "9.1.9", "release": "9.1", "repoid": "0000000000000000"}))

    with serving(script, certificate) as server:
        yield server.port


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nginx")


@pytest.fixture(scope="module")
def upstream(place: Path, slow_proxmox: int) -> Iterator[int]:
    """The server that has a name of its own."""
    with our_server(place, slow_proxmox, MCP_ALLOWED_HOSTS=NAME) as port:
        yield port


@pytest.fixture(scope="module")
def named(place: Path, upstream: int, certificate: Certificate) -> Iterator[Site]:
    """https://proxmox-mcp.example.org"""
    with nginx(place, recipe(NAMED), upstream, certificate) as port:
        yield Site(port, NAME, "", certificate[0])


@pytest.fixture(scope="module")
def below(place: Path, slow_proxmox: int, certificate: Certificate) -> Iterator[Site]:
    """https://example.org/proxmox"""
    settings = {"MCP_ALLOWED_HOSTS": "example.org", "MCP_ROOT_PATH": "/proxmox"}
    with (
        our_server(place, slow_proxmox, **settings) as server,
        nginx(place, recipe(BELOW), server, certificate) as port,
    ):
        yield Site(port, "example.org", "/proxmox", certificate[0])


def text_of(result: Any) -> str:
    return "".join(block.text for block in result.content if isinstance(block, TextContent))


async def long_call(site: Site, path: str, told: dict[str, tuple[str, float]]) -> None:
    watch = Watch()
    async with site.mcp(path) as client:
        text = text_of(await client.call_tool("list_nodes", {}))
    told[f"{site.name} {path}"] = (text, watch.seconds)


@pytest.mark.slow
async def test_a_call_of_twelve_seconds_passes_on_both_transports_under_a_name_and_under_a_path(
    named: Site, below: Site
) -> None:
    told: dict[str, tuple[str, float]] = {}
    async with anyio.create_task_group() as group:
        for site in (named, below):
            for path in ("/sse", "/mcp"):
                group.start_soon(long_call, site, path, told)
    assert len(told) == 4
    for text, seconds in told.values():
        assert "pve1" in text
        assert seconds >= LONG_CALL


@pytest.mark.parametrize("path", ["/sse", "/mcp"])
@pytest.mark.parametrize("site", ["named", "below"])
async def test_a_client_lists_and_calls_tools_through_the_recipe(
    request: pytest.FixtureRequest, site: str, path: str
) -> None:
    async with request.getfixturevalue(site).mcp(path) as client:
        assert "search_api" in {tool.name for tool in (await client.list_tools()).tools}
        found = text_of(await client.call_tool("search_api", {"query": "start a vm"}))
    assert "/status/start" in found


async def test_the_address_for_messages_has_the_prefix_that_the_proxy_strips(below: Site) -> None:
    async with (
        below.http(Authorization=f"Bearer {TOKEN}") as client,
        client.stream("GET", below.url("/sse")) as stream,
    ):
        async for line in stream.aiter_lines():
            if line.startswith("data: "):
                assert line.startswith("data: /proxmox/messages/")
                return
    pytest.fail("the stream told no address")


@pytest.mark.parametrize("path", ["/sse", "/mcp"])
async def test_another_name_is_answered_421_with_the_variable_to_set(named: Site, path: str) -> None:
    async with named.http(Host="wrong.example.org") as client:
        answer = await client.get(named.url(path))
    assert answer.status_code == 421
    assert f"MCP_ALLOWED_HOSTS={NAME},wrong.example.org" in answer.text


async def test_a_proxy_that_sends_its_own_name_is_told_what_to_set(
    place: Path, upstream: int, certificate: Certificate
) -> None:
    careless = recipe(NAMED).replace("proxy_set_header Host $http_host;", "")
    with nginx(place, careless, upstream, certificate) as port:
        site = Site(port, NAME, "", certificate[0])
        async with site.http() as client:
            answer = await client.get(site.url("/mcp"))
    assert answer.status_code == 421
    assert f"MCP_ALLOWED_HOSTS={NAME},127.0.0.1" in answer.text


async def test_without_a_token_nothing_passes_but_the_signs_of_life(named: Site) -> None:
    async with named.http() as client:
        statuses = {path: (await client.get(named.url(path))).status_code for path in ("/sse", "/mcp", "/livez")}
    assert statuses == {"/sse": 401, "/mcp": 401, "/livez": 200}


@pytest.mark.slow
async def test_a_short_patience_of_the_proxy_cuts_what_the_recipe_lets_pass(
    place: Path, upstream: int, certificate: Certificate
) -> None:
    hasty = recipe(NAMED).replace("proxy_read_timeout 1h", "proxy_read_timeout 1s")
    with nginx(place, hasty, upstream, certificate) as port:
        site = Site(port, NAME, "", certificate[0])
        with pytest.raises(httpx2.RemoteProtocolError):
            await read_to_the_end(site)


async def read_to_the_end(site: Site) -> None:
    """The stream of ``/sse``, which goes on for as long as the proxy lets it."""
    async with (
        site.http(Authorization=f"Bearer {TOKEN}") as client,
        client.stream("GET", site.url("/sse")) as stream,
    ):
        assert stream.status_code == 200
        async for _ in stream.aiter_lines():
            pass
