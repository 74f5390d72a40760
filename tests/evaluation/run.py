"""One run of one scenario: a cluster, a server and a client of its own, and what it came to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mcp import MCPError

from cl100k import count_tokens
from clients import connect
from evaluation.cluster import demo_cluster
from evaluation.judgement import faults_of
from in_process import serving_here
from serving import TOKEN

if TYPE_CHECKING:
    from pathlib import Path

    from clients import Session
    from evaluation.scenarios import Scenario


@dataclass(frozen=True)
class Reply:
    """The last words of whoever solved a scenario. ``used`` are the tokens that a model was billed; 0 without one."""

    text: str
    used: int = 0


@dataclass(frozen=True)
class Run:
    """What a run came to. ``read`` are the cl100k tokens of all answers, ``confirmed`` the calls with a token."""

    scenario: str
    faults: tuple[str, ...]
    calls: int
    confirmed: int
    read: int
    used: int

    @property
    def passed(self) -> bool:
        return not self.faults


@dataclass(frozen=True)
class Told:
    """What a tool answered."""

    text: str
    failed: bool


class Tools:
    """The server's tools, as a client gives them to a model; counts what is called and read."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.calls = self.confirmed = self.read = 0

    @property
    def instructions(self) -> str:
        """What the server says of itself."""
        return self._session.client.instructions or ""

    async def listed(self) -> list[dict[str, Any]]:
        """Name, description and JSON schema of each tool."""
        tools = (await self._session.client.list_tools()).tools
        return [
            {"name": tool.name, "description": tool.description or "", "schema": tool.input_schema} for tool in tools
        ]

    async def call(self, tool: str, arguments: dict[str, Any]) -> Told:
        """Call a tool; an unknown one, or arguments that it can't have, are told like any failure."""
        try:
            answer = await self._session.call(tool, **arguments)
            told = Told(answer.text, answer.is_error)
        except MCPError as error:
            told = Told(str(error), failed=True)
        self.calls += 1
        self.confirmed += bool(arguments.get("confirm"))
        self.read += count_tokens(told.text)
        return told


Solver = Callable[["Scenario", Tools], Awaitable[Reply]]
"""Whoever solves a scenario: a script, or a model."""


async def run(scenario: Scenario, solve: Solver, directory: Path) -> Run:
    """Solve a scenario on a new cluster, and judge how it ended.

    The server keeps its state in ``directory``, the schema beside it for the next run: each cluster serves the same.
    """
    async with demo_cluster(directory) as cluster:
        for method, path, data in scenario.start:
            await cluster.call(method, path, **data)
        before = await cluster.state()
        settings = {**cluster.environment, "MCP_AUTH_TOKEN": TOKEN, "MCP_RATE_LIMIT": "0"}
        settings |= {"MCP_STATE_DIR": str(directory), "MCP_CACHE_DIR": str(directory.parent / "schema")}
        async with serving_here(directory, **settings) as server, connect(server, "http") as session:
            served = server.gateway.clusters["default"]
            await served.schema.refresh()
            if scenario.down:
                cluster.take_down(scenario.down)
            tools = Tools(session)
            reply = await solve(scenario, tools)
        if scenario.down:
            cluster.bring_up(scenario.down)
        faults = faults_of(scenario, before, await cluster.state(), reply.text)
    return Run(scenario.name, faults, tools.calls, tools.confirmed, tools.read, reply.used)
