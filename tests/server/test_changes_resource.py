"""The resource ``proxmox://changes``: a caller reads its own writes, and nobody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from proxmox_mcp.assembly import gateway_of
from proxmox_mcp.policy.caller import Caller, Mode
from proxmox_mcp.record.undo import Inverse
from proxmox_mcp.server.changes_resource import read
from proxmox_mcp.settings import load_settings
from undone_roundtrips import call_of

if TYPE_CHECKING:
    from pathlib import Path

    from proxmox_mcp.gateway import Gateway

pytestmark = pytest.mark.anyio
OPS, DEV = Caller(name="ops", mode=Mode.GUARDED), Caller(name="dev", mode=Mode.GUARDED)


def gateway(directory: Path, **more: str) -> Gateway:
    settings = {
        "PROXMOX_HOST": "192.0.2.1",
        "PROXMOX_USER": "root@pam",
        "PROXMOX_PASSWORD": "x",
        "PROXMOX_APIDOC": "bundled",
    }
    return gateway_of(load_settings({**settings, "MCP_CACHE_DIR": str(directory), **more}))


async def test_a_caller_reads_its_own_changes(tmp_path: Path) -> None:
    made = gateway(tmp_path)
    assert made.changes is not None
    call = call_of("POST", "/access/groups", {"groupid": "ops"})
    number = made.changes.begin(replace(call, caller=OPS), {}, Inverse("none", reason="x"))
    assert f"Change {number}, cannot be undone (x)." in await read(made, OPS)
    assert await read(made, DEV) == "You have changed nothing yet."


async def test_it_says_where_changes_are_not_recorded(tmp_path: Path) -> None:
    assert "MCP_CHANGES=off" in await read(gateway(tmp_path, MCP_CHANGES="off"), OPS)
