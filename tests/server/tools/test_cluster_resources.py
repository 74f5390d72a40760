from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from goldens import hold
from proxmox_mcp.errors import ViewError
from tool_calls import run_tool

if TYPE_CHECKING:
    from proxmox.raw_server import RawServer
    from proxmox_mcp.gateway import Gateway

pytestmark = pytest.mark.anyio
GOLDEN = Path(__file__).parent / "golden"


async def test_resources_of_one_type_are_filtered_with_one_request(gateway: Gateway, recorder: RawServer) -> None:
    before = len(recorder.requests)
    guests = await run_tool(gateway, "get_cluster_resources", type="lxc", filter="node=pve2", fields="vmid,name")
    hold(GOLDEN / "get_cluster_resources.txt", guests)
    assert "103 twin" in guests
    assert [request.target for request in recorder.requests[before:]] == ["/api2/json/cluster/resources"]


async def test_an_unknown_field_is_refused(gateway: Gateway) -> None:
    with pytest.raises(ViewError, match="nmae"):
        await run_tool(gateway, "get_cluster_resources", fields="nmae")


async def test_a_broken_cursor_is_refused(gateway: Gateway) -> None:
    with pytest.raises(ViewError, match="cursor"):
        await run_tool(gateway, "get_cluster_resources", cursor="places-x")
