"""mcp-remote: the bridge by which a client that knows only stdio reaches a server over HTTP."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread
from mcp import Client as McpClient
from mcp import StdioServerParameters
from scripts.client_checks.check import ANSWERS, Check, Client, expect_answers, expect_tools
from scripts.client_checks.servers import AUTHORIZATION
from scripts.client_checks.sessions import RESTARTED, expect_recovery

from clients import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from scripts.client_checks.install import Program
    from scripts.client_checks.servers import Servers

_STRATEGY = {"sse": "sse-only", "http": "http-only"}


@asynccontextmanager
async def _bridged(program: Program, servers: Servers, transport: str, url: str, era: str) -> AsyncIterator[Session]:
    home = servers.home()
    words = [url, "--header", AUTHORIZATION, "--allow-http", "--transport", _STRATEGY[transport], "--silent"]
    command, *arguments = (*program.command, *words)
    way = StdioServerParameters(command=command, args=arguments, env=program.environment_at(home), cwd=home / "work")
    async with McpClient(way, mode=era) as client:
        yield Session(client)


async def _calls(program: Program, servers: Servers, transport: str, era: str) -> str:
    async with _bridged(program, servers, transport, servers.shared.url(transport), era) as session:
        expect_tools(tool.name for tool in (await session.client.list_tools()).tools)
        answers = {tool: (await session.call(tool, **arguments)).text for tool, (arguments, _) in ANSWERS.items()}
        spoken = session.client.protocol_version
    expect_answers(answers)
    return f"protocol {spoken}"


async def _calls_on(program: Program, servers: Servers, transport: str) -> str:
    with servers.own() as server:
        async with _bridged(program, servers, transport, server.url(transport), "legacy") as session:
            answers = [(await session.call("list_nodes")).text]
            await to_thread.run_sync(server.restart, transport)
            answers += [(await session.call("list_nodes")).text for _ in range(2)]
    return expect_recovery(answers)


def _survives_a_restart(transport: str, program: Program, servers: Servers) -> str:
    return anyio.run(_calls_on, program, servers, transport)


def _speaks(transport: str, era: str, program: Program, servers: Servers) -> str:
    return anyio.run(_calls, program, servers, transport, era)


CLIENT = Client(
    "mcp-remote",
    lambda cache: cache.npm("mcp-remote", "0.15.1", "dist/proxy.js"),
    [
        Check(
            transport,
            f"bridges a stdio client that {says}: lists the tools, calls each",
            partial(_speaks, transport, era),
        )
        for transport in ("sse", "http")
        for era, says in (("legacy", "opens with initialize"), ("auto", "asks what there is"))
    ]
    + [Check(transport, RESTARTED, partial(_survives_a_restart, transport)) for transport in ("sse", "http")],
)
