"""The resource of references, over a real MCP client: the same text as the tool's, within the same limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from gateway.conftest import gateway, gateway_to, recorder
from proxmox_mcp.server.mcp_server import make_server
from tool_calls import run_tool

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox.raw_server import RawServer
    from proxmox_mcp.gateway import Gateway

__all__ = ["gateway", "gateway_to", "recorder"]
pytestmark = pytest.mark.anyio
RESIZE = "nodes/{node}/qemu/{vmid}/resize"


async def _read(gateway: Gateway, uri: str) -> str:
    """The text of a resource, or the error of the protocol."""
    async with Client(make_server(gateway)) as client:
        try:
            (content,) = (await client.read_resource(uri)).contents
        except MCPError as error:
            return f"{type(error).__name__}: {error}"
    text: str = content.text  # type: ignore[union-attr]
    return text


async def test_the_resource_is_the_reference_of_the_tool_with_what_is_not_allowed_marked(gateway: Gateway) -> None:
    text = await _read(gateway, f"proxmox://api/{RESIZE}")
    assert text == await run_tool(gateway, "search_api", query=f"/{RESIZE}", method="PUT")
    assert "Not allowed to mcp@pve!t1: lacks VM.Config.Disk" in text


async def test_the_resource_holds_every_method_of_a_path(gateway: Gateway) -> None:
    text = await _read(gateway, "proxmox://api/nodes/{node}/qemu")
    assert text.startswith("GET /nodes/{node}/qemu\n")
    assert "\n\nPOST /nodes/{node}/qemu\n" in text


async def test_an_unknown_path_is_refused_with_those_that_are_similar(gateway: Gateway) -> None:
    text = await _read(gateway, "proxmox://api/cluster/resourc")
    assert text == "MCPError: The API has no path /cluster/resourc; near it: cluster/resources"


async def test_reading_resources_counts_towards_the_callers_limit(
    recorder: RawServer, gateway_to: Callable[..., Gateway]
) -> None:
    limited = gateway_to(recorder.port, MCP_RATE_LIMIT="1")
    assert "GET /version" in await _read(limited, "proxmox://api/version")
    assert (await _read(limited, "proxmox://api/version")).startswith("MCPError: more than 1 calls within a minute")
    await limited.aclose()
