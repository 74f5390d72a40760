"""Claude Code: its list of servers, and a session with a scripted model."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from scripts.client_checks.check import ANSWERS, Check, Client, expect, expect_answers
from scripts.client_checks.model import SAYS, Anthropic, ScriptedModel, Turn, serve_model
from scripts.client_checks.servers import AUTHORIZATION
from scripts.client_checks.sessions import expect_schemas

if TYPE_CHECKING:
    from scripts.client_checks.install import Program
    from scripts.client_checks.servers import Servers

_PREFIX = "mcp__px__"


def _lists(program: Program, servers: Servers) -> str:
    home = servers.home()
    command, environment = servers.stdio()
    given = [word for name, value in environment.items() for word in ("-e", f"{name}={value}")]
    for words in (
        ["--transport", "sse", "px-sse", servers.shared.url("sse"), "-H", AUTHORIZATION],
        ["--transport", "http", "px-http", servers.shared.url("http"), "-H", AUTHORIZATION],
        ["px-stdio", *given, "--", *command],
    ):
        added = program.run(home, "mcp", "add", *words)
        expect(added.returncode == 0, "mcp add should end well", added.stderr)
    told = program.run(home, "mcp", "list").stdout
    for name in ("px-sse", "px-http", "px-stdio"):
        line = next((line for line in told.splitlines() if line.startswith(f"{name}:")), "")
        expect(line.endswith("Connected"), f"{name} should be connected", told)
    return "all Connected"


def _works(transport: str, program: Program, servers: Servers) -> str:
    home = servers.home()
    (home / "work" / "mcp.json").write_text(
        json.dumps({"mcpServers": {"px": _entry(transport, servers)}}), encoding="utf-8"
    )
    model = ScriptedModel(Anthropic(), [Turn(_PREFIX + tool, arguments) for tool, (arguments, _) in ANSWERS.items()])
    with serve_model(model) as url:
        done = program.run(
            home,
            *("-p", "What is there?", "--mcp-config", "mcp.json", "--strict-mcp-config"),
            *("--allowedTools", ",".join(_PREFIX + tool for tool in ANSWERS)),
            environment={
                "ANTHROPIC_BASE_URL": url,
                "ANTHROPIC_API_KEY": "anything",
                "ENABLE_TOOL_SEARCH": "false",
                "MCP_CONNECTION_NONBLOCKING": "false",
            },
        )
    expect(SAYS in done.stdout, "the session should come to its end", done.stderr or done.stdout)
    expect_schemas(model.declared, _PREFIX, "input_schema")
    expect_answers(dict(zip(ANSWERS, model.answers, strict=False)))
    expect("Drives Proxmox VE" in model.heard, "the instructions should reach the model")
    return "answers and instructions reach the model"


def _entry(transport: str, servers: Servers) -> dict[str, Any]:
    if transport == "stdio":
        command, environment = servers.stdio()
        return {"command": command[0], "args": command[1:], "env": environment}
    name, _, value = AUTHORIZATION.partition(": ")
    return {"type": transport, "url": servers.shared.url(transport), "headers": {name: value}}


CLIENT = Client(
    "Claude Code",
    lambda cache: cache.npm("@anthropic-ai/claude-code", "2.1.330", "cli-wrapper.cjs"),
    [
        Check("sse, http, stdio", "`claude mcp add`, `claude mcp list`", _lists),
        *(
            Check(transport, "`claude -p` with a scripted model: calls each tool", partial(_works, transport))
            for transport in ("sse", "http", "stdio")
        ),
    ],
)
