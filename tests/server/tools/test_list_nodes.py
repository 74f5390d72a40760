from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from goldens import hold
from proxmox_mcp.errors import CallError
from proxmox_mcp.policy.caller import Caller
from serving import free_port
from tool_calls import run_tool

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox.raw_server import RawServer
    from proxmox_mcp.gateway import Gateway

pytestmark = pytest.mark.anyio
GOLDEN = Path(__file__).parent / "golden"


async def test_the_nodes_are_listed_with_one_request_once_their_zone_is_known(
    gateway: Gateway, recorder: RawServer
) -> None:
    before = len(recorder.requests)
    nodes = await run_tool(gateway, "list_nodes")
    told, present = nodes.rsplit("now ", 1)
    hold(GOLDEN / "list_nodes.txt", f"{told}now (the present time)")
    assert re.fullmatch(r"[0-9-]{10} [0-9:]{5} \S+", present)
    assert "pve3 offline" in nodes
    assert [request.target for request in recorder.requests[before:]] == [
        "/api2/json/cluster/resources",
        "/api2/json/nodes/pve1/time",
    ]
    await run_tool(gateway, "list_nodes")
    assert [request.target for request in recorder.requests[before + 2 :]] == ["/api2/json/cluster/resources"]


async def test_clusters_are_listed_under_their_names_and_one_that_is_away_says_so(
    recorder: RawServer, gateway_to: Callable[..., Gateway], tmp_path: Path
) -> None:
    secret = 'PROXMOX_USER = "mcp@pve"\nPROXMOX_TOKEN_ID = "t1"\nPROXMOX_PASSWORD = "x-1"\n'
    clusters = tmp_path / "clusters.toml"
    clusters.write_text(
        f'[lab]\nPROXMOX_HOST = "127.0.0.1:{recorder.port}"\n{secret}'
        f'[away]\nPROXMOX_HOST = "127.0.0.1:{free_port()}"\n{secret}'
    )
    gateway = gateway_to(recorder.port, PROXMOX_HOST="", MCP_CLUSTERS_FILE=str(clusters))
    listed = await run_tool(gateway, "list_nodes")
    assert listed.startswith("cluster lab\nnode status")
    assert "\n\ncluster away\n(unavailable: 127.0.0.1:" in listed
    only_lab = Caller(name="lab-only", clusters=frozenset({"lab"}))
    assert "away" not in await run_tool(gateway, "list_nodes", caller=only_lab)
    with pytest.raises(CallError, match="There is no cluster `away`"):
        await run_tool(gateway, "proxmox_api_get", path="/version", cluster="away", caller=only_lab)
    assert "9.2.1" in await run_tool(gateway, "proxmox_api_get", path="/version", caller=only_lab)
    await gateway.aclose()
