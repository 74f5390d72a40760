from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from goldens import hold
from proxmox_mcp.errors import CallError
from tool_calls import run_tool

if TYPE_CHECKING:
    from proxmox_mcp.gateway import Gateway

pytestmark = pytest.mark.anyio
GOLDEN = Path(__file__).parent / "golden"


async def test_a_search_says_what_it_read_unknown_words_as(gateway: Gateway) -> None:
    found = await run_tool(gateway, "search_api", query="make a snapshto", limit=1)
    assert found.splitlines()[0] == "Read `snapshto` as `snapshot`."
    assert "Read" not in await run_tool(gateway, "search_api", query="make a snapshot", limit=1)


async def test_a_search_gives_as_many_hits_as_asked_for(gateway: Gateway) -> None:
    hits = await run_tool(gateway, "search_api", query="make a snapshot of a vm", limit=2)
    hold(GOLDEN / "search_api-hits.txt", hits)
    assert hits.startswith("1. ")
    assert "\n2. " in hits
    assert "\n3. " not in hits


async def test_an_exact_path_gives_its_reference_marked_where_it_is_not_allowed(gateway: Gateway) -> None:
    reference = await run_tool(gateway, "search_api", query="/nodes/{node}/qemu/{vmid}/resize", method="PUT")
    hold(GOLDEN / "search_api-reference.txt", reference)
    assert "Not allowed to mcp@pve!t1: lacks VM.Config.Disk" in reference


async def test_a_blank_question_is_refused(gateway: Gateway) -> None:
    with pytest.raises(CallError, match="blank"):
        await run_tool(gateway, "search_api", query=" ")


async def test_the_reference_tells_what_only_the_code_of_an_endpoint_checks(gateway: Gateway) -> None:
    reference = await run_tool(gateway, "search_api", query="/nodes/{node}/vzdump", method="POST")
    assert "\nIts code also checks: VM.Backup on /vms/{vmid} (with vmid); " in reference
    assert "only root@pam (with dumpdir, job-id, script, tmpdir)" in reference
    hits = await run_tool(gateway, "search_api", query="list all vms of a node", limit=1)
    assert "any user" in hits
