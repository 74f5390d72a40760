"""FastMCP's client."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.client_checks.check import ANSWERS, Check, Client, expect, expect_answers, expect_tools

from serving import TOKEN

if TYPE_CHECKING:
    from scripts.client_checks.install import Program
    from scripts.client_checks.servers import Servers

_PROGRAM = Path(__file__).parent / "programs" / "fastmcp_client.py"


def _speaks(transport: str, program: Program, servers: Servers) -> str:
    order: dict[str, object] = {"calls": {tool: arguments for tool, (arguments, _) in ANSWERS.items()}}
    if transport == "stdio":
        order["command"], order["env"] = servers.stdio()
    else:
        order |= {"transport": transport, "url": servers.shared.url(transport), "token": TOKEN}
    done = program.run(servers.home(), str(_PROGRAM), json.dumps(order))
    expect(done.returncode == 0, "it should end well", done.stderr)
    told = json.loads(done.stdout)
    expect_tools(told["tools"])
    expect_answers(told["answers"])
    return ""


CLIENT = Client(
    "FastMCP",
    lambda cache: cache.pypi("fastmcp", "4.1.2"),
    [
        Check(transport, "lists the tools, calls each", partial(_speaks, transport))
        for transport in ("sse", "http", "stdio")
    ],
)
