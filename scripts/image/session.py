"""Talks MCP to the server of its own container; runs on the image's Python, from standard input.

``talk`` prints a JSON object of what was seen; ``hold`` opens an SSE stream, says ``open`` and keeps it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

import httpx2
from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

BASE = f"http://127.0.0.1:{os.environ['MCP_PORT']}"
HEADERS = {"Authorization": f"Bearer {os.environ['MCP_AUTH_TOKEN']}"}


def transport(path: str) -> Any:
    if path == "/sse":
        return sse_client(BASE + path, headers=HEADERS)
    return streamable_http_client(BASE + path, http_client=httpx2.AsyncClient(headers=HEADERS))


async def talk() -> None:
    seen: dict[str, Any] = {}
    async with httpx2.AsyncClient() as plain:
        for path in ("/livez", "/mcp", "/sse"):
            seen[f"{path} without a token"] = (await plain.get(BASE + path)).status_code
    for path in ("/sse", "/mcp"):
        async with Client(transport(path)) as client:
            tools = [tool.name for tool in (await client.list_tools()).tools]
            found = await client.call_tool("search_api", {"query": "start a virtual machine"})
            away = await client.call_tool("list_nodes", {})
            version = client.server_info.version if client.server_info else ""
        texts = [block.text for result in (found, away) for block in result.content if hasattr(block, "text")]
        seen[path] = {"tools": tools, "version": version, "found": texts[0], "away": texts[1]}
    print(json.dumps(seen))


async def hold() -> None:
    async with (
        httpx2.AsyncClient(timeout=None, headers=HEADERS) as client,
        client.stream("GET", BASE + "/sse") as stream,
    ):
        async for line in stream.aiter_lines():
            print("open" if line.startswith("event: endpoint") else line, flush=True)


asyncio.run(talk() if sys.argv[1] == "talk" else hold())
