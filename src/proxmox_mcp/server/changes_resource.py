"""The resource ``proxmox://changes``: what the caller wrote, newest first, and whether it can be undone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mcp_types as types

from proxmox_mcp.record.changes_text import line
from proxmox_mcp.untrusted import with_notice

if TYPE_CHECKING:
    from proxmox_mcp.gateway import Gateway
    from proxmox_mcp.policy.caller import Caller

URI = "proxmox://changes"
RESOURCE = types.Resource(
    name="changes",
    title="Changes",
    uri=URI,
    description="Your last writes: values before and after, and whether each can be undone.",
    mime_type="text/plain",
)
_MOST = 50


async def read(gateway: Gateway, caller: Caller) -> str:
    """The last changes of this caller. Raises ProxmoxMcpError."""
    async with gateway.guard.admitted(caller):
        changes = gateway.changes
        if changes is None:
            return "Changes are not recorded here (MCP_CHANGES=off)."
        found = await changes.store.in_thread(changes.listed, caller=caller.name, most=_MOST)
    return with_notice("\n".join(map(line, found))) if found else "You have changed nothing yet."
