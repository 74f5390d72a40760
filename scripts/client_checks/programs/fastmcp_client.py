"""Run by another environment's Python: a FastMCP client that makes the calls of an order and tells them as JSON.

fastmcp_client.py '{"calls": {tool: arguments}, "transport", "url", "token" | "command", "env"}'
"""

# mypy: ignore-errors

import asyncio
import json
import sys

from fastmcp import Client
from fastmcp.client.transports import SSETransport, StdioTransport, StreamableHttpTransport


def way(order):
    if "command" in order:
        command, *arguments = order["command"]
        return StdioTransport(command, arguments, env=order["env"])
    kind = {"sse": SSETransport, "http": StreamableHttpTransport}[order["transport"]]
    return kind(order["url"], auth=order["token"])


async def main(order):
    async with Client(way(order)) as client:
        tools = [tool.name for tool in await client.list_tools()]
        answers = {}
        for tool, arguments in order["calls"].items():
            answers[tool] = (await client.call_tool(tool, arguments)).content[0].text
    print(json.dumps({"tools": tools, "answers": answers}))


asyncio.run(main(json.loads(sys.argv[1])))
