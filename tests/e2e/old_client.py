"""A client on the SDK of the first generation (mcp 1.28): lists the tools, calls each, and tells it as JSON.

Run by the tests with the Python of another environment: old_client.py sse|http|stdio TARGET [TOKEN].
"""

# mypy: ignore-errors

import asyncio
import json
import sys
from contextlib import AsyncExitStack

from mcp import ClientSession, StdioServerParameters
from mcp.client.sse import sse_client
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client

CALLS = {
    "search_api": {"query": "start a vm"},
    "proxmox_api_get": {"path": "/nodes/pve1/qemu/100/config", "fields": "name"},
    "proxmox_api_call": {"method": "POST", "path": "/nodes/pve1/qemu/100/status/reboot", "dry_run": True},
    "proxmox_api_plan": {
        "steps": [{"method": "POST", "path": "/nodes/pve1/qemu/100/status/reboot"}],
        "dry_run": True,
    },
    "list_nodes": {},
    "get_cluster_resources": {"type": "node"},
}


def way(transport, target, token=""):
    headers = {"Authorization": "Bearer " + token}
    if transport == "sse":
        return sse_client(target, headers=headers)
    if transport == "http":
        return streamablehttp_client(target, headers=headers)
    given = json.loads(target)
    command, *arguments = given["command"]
    return stdio_client(StdioServerParameters(command=command, args=arguments, env=given["env"]))


async def main(transport, *target):
    async with AsyncExitStack() as stack:
        streams = await stack.enter_async_context(way(transport, *target))
        session = await stack.enter_async_context(ClientSession(streams[0], streams[1]))
        await session.initialize()
        tools = [tool.name for tool in (await session.list_tools()).tools]
        answers = {}
        for tool, arguments in CALLS.items():
            result = await session.call_tool(tool, arguments)
            answers[tool] = {"error": result.isError, "text": result.content[0].text}
    print(json.dumps({"tools": tools, "answers": answers}))


asyncio.run(main(*sys.argv[1:]))
