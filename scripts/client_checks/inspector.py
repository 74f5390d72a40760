"""MCP Inspector's command line."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from scripts.client_checks.check import ANSWERS, Check, Client, expect, expect_answers, expect_tools
from scripts.client_checks.servers import AUTHORIZATION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scripts.client_checks.install import Program
    from scripts.client_checks.servers import Servers


def _speaks(transport: str, era: str, program: Program, servers: Servers) -> str:
    options = ["--protocol-era", era, "--format", "json"]
    target: Sequence[str]
    if transport == "stdio":
        command, environment = servers.stdio()
        options += [word for name, value in environment.items() for word in ("-e", f"{name}={value}")]
        target = ["--", *command]
    else:
        options += ["--header", AUTHORIZATION]
        target = [servers.shared.url(transport)]

    def asks(method: str, *words: str) -> dict[str, Any]:
        done = program.run(servers.home(), "--cli", *options, "--method", method, *words, *target)
        expect(done.returncode == 0, f"{method} should end well", done.stderr or done.stdout)
        result: dict[str, Any] = json.loads(done.stdout)["result"]
        return result

    expect_tools(tool["name"] for tool in asks("tools/list", "--strict")["tools"])
    expect(len(asks("prompts/list")["prompts"]) == 5, "there should be five prompts")
    answers = {
        tool: asks("tools/call", "--tool-name", tool, "--tool-args-json", json.dumps(arguments))["content"][0]["text"]
        for tool, (arguments, _) in ANSWERS.items()
    }
    expect_answers(answers)
    return "no portability problem in the schemas"


CLIENT = Client(
    "MCP Inspector, command line",
    lambda cache: cache.npm("@modelcontextprotocol/inspector", "2.12.0", "clients/launcher/build/index.js"),
    [
        Check(
            transport,
            f"era {era}: lists the tools (--strict) and prompts, calls each tool",
            partial(_speaks, transport, era),
        )
        for transport in ("sse", "http", "stdio")
        for era in ("legacy", "modern")
    ],
)
