from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from goldens import hold
from proxmox_mcp.errors import DeniedError
from tool_calls import run_tool

if TYPE_CHECKING:
    from proxmox.raw_server import RawServer
    from proxmox_mcp.gateway import Gateway

pytestmark = pytest.mark.anyio
GOLDEN = Path(__file__).parent / "golden"


async def test_data_are_the_query_and_fields_and_filter_choose_from_the_answer(
    gateway: Gateway, recorder: RawServer
) -> None:
    told = await run_tool(
        gateway,
        "proxmox_api_get",
        path="/cluster/resources",
        data={"type": "vm"},
        filter="node=pve1 and type=qemu",
        fields="vmid,name,pool",
        limit=1,
    )
    assert recorder.requests[-1].target == "/api2/json/cluster/resources?type=vm"
    hold(GOLDEN / "proxmox_api_get.txt", told)
    assert "name: web-01" in told
    assert "next: cursor=" in told


async def test_what_does_more_than_read_is_refused(gateway: Gateway, recorder: RawServer) -> None:
    before = len(recorder.requests)
    with pytest.raises(DeniedError):
        await run_tool(gateway, "proxmox_api_get", path="/nodes/pve1/qemu/100/agent/file-read", data={"file": "/x"})
    assert not [each for each in recorder.requests[before:] if "agent" in each.target]
