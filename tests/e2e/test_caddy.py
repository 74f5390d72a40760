"""The Caddy recipes of the documents, with a real Caddy, TLS, a real server and a real MCP client."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from e2e.proxied import Site, caddy, our_server, recipe
from serving import free_port
from tools import needs

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    needs("caddy"),
    pytest.mark.anyio,
]

PLACES = {
    "Caddy: a name of its own": ("proxmox-mcp.example.org", ""),
    "Caddy: under a path": ("example.org", "/proxmox"),
}


@pytest.fixture(scope="module", params=PLACES)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    from fakepve.certs import make_cert

    name, prefix = PLACES[request.param]
    place = tmp_path_factory.mktemp("caddy")
    made, key, _ = make_cert(str(place), hosts=(name,))
    certificate = (Path(made), Path(key))
    with (
        our_server(place, free_port(), MCP_ALLOWED_HOSTS=name, MCP_ROOT_PATH=prefix) as upstream,
        caddy(place, recipe(request.param), upstream, certificate) as port,
    ):
        yield Site(port, name, prefix, certificate[0])


@pytest.mark.parametrize("path", ["/sse", "/mcp"])
async def test_a_client_lists_and_calls_tools_through_the_recipe(site: Site, path: str) -> None:
    async with site.mcp(path) as client:
        assert "search_api" in {tool.name for tool in (await client.list_tools()).tools}
        found = await client.call_tool("search_api", {"query": "start a vm"})
    assert "/status/start" in str(found.content)


async def test_the_name_reaches_the_server_as_the_client_sent_it(site: Site) -> None:
    async with site.http() as client:
        answer = await client.get(site.url("/mcp"))
    assert answer.status_code == 401, "421 would mean that another name arrived"
