"""The SDK's own clients: the one that this server is built with, in both eras, and the last of the first generation."""

from __future__ import annotations

import json
import sys
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from scripts.client_checks.check import ANSWERS, Check, Client, expect, expect_answers, expect_tools
from scripts.client_checks.install import Program

from clients import Person, Session, connect, connect_stdio
from serving import TOKEN

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from scripts.client_checks.servers import Servers

_OLD_CLIENT = Path(__file__).parents[2] / "tests" / "e2e" / "old_client.py"
_DELETION = "/nodes/*/qemu/web-03"


async def _session_of(session: AbstractAsyncContextManager[Session], person: Person) -> str:
    async with session as client:
        expect_tools(tool.name for tool in (await client.client.list_tools()).tools)
        answers = {tool: (await client.call(tool, **arguments)).text for tool, (arguments, _) in ANSWERS.items()}
        expect_answers(answers)
        refused = await client.make("DELETE", _DELETION)
        there = await client.get("/nodes/*/qemu/web-03/config", fields="name")
        spoken = client.client.protocol_version
    expect(refused.is_error and len(person.questions) == 1, "a deletion should ask the person once", refused)
    expect(there.text == "name: web-03", "a deletion that was declined should delete nothing", there)
    return f"protocol {spoken}"


def _speaks(transport: str, era: str, _: Program, servers: Servers) -> str:
    person = Person("decline")
    if transport == "stdio":
        session = connect_stdio(servers.home(), servers.settings, era, person)
    else:
        session = connect(servers.shared.served, transport, era, person=person)
    return anyio.run(_session_of, session, person)


def _speaks_as_of_old(transport: str, program: Program, servers: Servers) -> str:
    if transport == "stdio":
        command, environment = servers.stdio()
        target = [json.dumps({"command": command, "env": environment})]
    else:
        target = [servers.shared.url(transport), TOKEN]
    done = program.run(servers.home(), str(_OLD_CLIENT), transport, *target)
    expect(done.returncode == 0, "it should end well", done.stderr)
    told = json.loads(done.stdout)
    expect_tools(told["tools"])
    expect_answers({tool: answer["text"] for tool, answer in told["answers"].items()})
    return ""


SDK = Client(
    "MCP Python SDK",
    lambda _: Program(version("mcp"), (sys.executable,)),
    [
        Check(
            transport,
            f"{says}: lists the tools, calls each, is asked before a deletion and declines",
            partial(_speaks, transport, era),
        )
        for transport in ("sse", "http", "stdio")
        for era, says in (("legacy", "opens with initialize"), ("auto", "asks what there is"))
    ],
)

FIRST_SDK = Client(
    "MCP Python SDK, first generation",
    lambda cache: cache.pypi("mcp", "1.28.*"),
    [
        Check(transport, "lists the tools, calls each", partial(_speaks_as_of_old, transport))
        for transport in ("sse", "http", "stdio")
    ],
)
