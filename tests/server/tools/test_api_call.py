from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from goldens import hold
from proxmox_mcp.errors import ConfirmationNeededError
from tool_calls import run_tool

if TYPE_CHECKING:
    from proxmox.raw_server import RawServer
    from proxmox_mcp.gateway import Gateway

pytestmark = pytest.mark.anyio
GOLDEN = Path(__file__).parent / "golden"
CONFIG = "/nodes/pve1/qemu/101/config"


async def test_a_call_is_sent_with_its_data(gateway: Gateway, recorder: RawServer) -> None:
    told = await run_tool(gateway, "proxmox_api_call", path=CONFIG, method="PUT", data={"cores": 4})
    assert told == f"Done: PUT {CONFIG}\nChange 1, can be undone."
    assert (recorder.posted[-1].method, recorder.posted[-1].body) == ("PUT", b"cores=4")


async def test_a_dry_run_sends_nothing(gateway: Gateway, recorder: RawServer) -> None:
    before = len(recorder.posted)
    told = await run_tool(gateway, "proxmox_api_call", path=CONFIG, method="PUT", data={"cores": 4}, dry_run=True)
    hold(GOLDEN / "proxmox_api_call-dry-run.txt", told)
    assert len(recorder.posted) == before


async def test_a_token_confirms_the_call_that_it_was_given_for(gateway: Gateway, recorder: RawServer) -> None:
    stop: dict[str, Any] = {"path": "/nodes/pve1/qemu/101/status/stop", "method": "POST"}
    with pytest.raises(ConfirmationNeededError) as asked:
        await run_tool(gateway, "proxmox_api_call", **stop)
    token = str(asked.value).partition("confirm: ")[2].split()[0]
    await run_tool(gateway, "proxmox_api_call", **stop, confirm=token)
    assert recorder.requests[-1].target.endswith("/nodes/pve1/qemu/101/status/stop")
