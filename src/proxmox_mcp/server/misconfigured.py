"""The server that replaces the real one while its settings are wrong: it answers every call with what to set.

Clients that start their servers show what a tool answers, and hide what a server printed before it ended. Nothing here
knows a cluster, so nothing can be sent to one.
"""

# Tested through tests/e2e/test_misconfigured.py.

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mcp_types as types
from mcp.server.lowlevel import Server

from proxmox_mcp import __version__
from proxmox_mcp.errors import SettingsError, listed
from proxmox_mcp.instructions import NOT_SET_UP
from proxmox_mcp.server.mcp_server import NAME
from proxmox_mcp.server.tools import select_tools

if TYPE_CHECKING:
    from collections.abc import Callable

_CAN_NOT_TELL_WHO_CALLS = f"""\
{NOT_SET_UP}: it can be reached from other machines and can't tell who is calling, so it makes no call to \
Proxmox VE. The operator must set MCP_AUTH_TOKEN (`proxmox-mcp token new` makes one) or MCP_CALLERS_FILE, or \
MCP_HOST=127.0.0.1 to serve one machine only, and restart it. Its log lists everything that is wrong, and so does \
`proxmox-mcp doctor`, run with the server's settings."""
"""Anyone may read this, so it contains no value of any setting."""


def what_to_set(error: SettingsError, *, callers_known: bool) -> str:
    """What every call is answered with. ``callers_known``: whether only those whom the settings let in will read it."""
    if not callers_known:
        return _CAN_NOT_TELL_WHO_CALLS
    faults = "\n".join(f"- {listed(fault)}" for fault in error.faults)
    return (
        f"{NOT_SET_UP}, so nothing was sent to Proxmox VE. Its settings (environment variables) need "
        f"correcting; tell the user:\n{faults}\n"
        "Then restart the server. `proxmox-mcp doctor`, run with the same settings, checks them."
    )


def make_misconfigured_server(
    told: str, *, writes: bool, observe: Callable[[str, str], None] | None = None
) -> Server[Any]:
    """A server with the usual tools, each of which answers ``told``; so do its instructions.

    ``writes``: whether the writing tools are listed; ``observe`` as for the real server.
    """
    tools = [tool.listed() for tool in select_tools(writes=writes).values()]

    async def list_tools(_: Any, __: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult(tools=tools)

    async def call_tool(_: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        if observe is not None and any(tool.name == params.name for tool in tools):
            observe(params.name, SettingsError.code)
        return types.CallToolResult(content=[types.TextContent(type="text", text=told)], is_error=True)

    return Server(NAME, version=__version__, instructions=told, on_list_tools=list_tools, on_call_tool=call_tool)
