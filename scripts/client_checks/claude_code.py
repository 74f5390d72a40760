"""Claude Code: its list of servers, and a session with a scripted model."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from scripts.client_checks.check import NAMES, Check, Client, expect
from scripts.client_checks.model import SAYS, Anthropic, ScriptedModel, serve_model
from scripts.client_checks.servers import AUTHORIZATION
from scripts.client_checks.sessions import DOES, RESTARTED, expect_recovery, expect_whole, interrupted, whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scripts.client_checks.install import Program
    from scripts.client_checks.model import Turn
    from scripts.client_checks.servers import Servers

_PREFIX = "mcp__px__"
_SESSION = {
    "ANTHROPIC_API_KEY": "anything",
    "ENABLE_TOOL_SEARCH": "false",
    "MCP_CONNECTION_NONBLOCKING": "false",
}
"""A key, which nobody looks at; and the tools there from the first turn on."""


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


def _connected(program: Program, servers: Servers) -> str:
    home = servers.home()
    servers.connect(home, "claude-code")
    told = program.run(home, "mcp", "list").stdout
    for name in ("px-http", "px-stdio"):
        line = next((line for line in told.splitlines() if line.startswith(f"{name}:")), "")
        expect(line.endswith("Connected"), f"{name} should be connected", told)
    return "all Connected"


def _session(program: Program, servers: Servers, entry: dict[str, Any], turns: Sequence[Turn]) -> ScriptedModel:
    home = servers.home()
    (home / "work" / "mcp.json").write_text(json.dumps({"mcpServers": {"px": entry}}), encoding="utf-8")
    model = ScriptedModel(Anthropic(), turns)
    with serve_model(model) as url:
        done = program.run(
            home,
            *("-p", "What is there?", "--mcp-config", "mcp.json", "--strict-mcp-config"),
            *("--allowedTools", ",".join(_PREFIX + tool for tool in NAMES)),
            environment={"ANTHROPIC_BASE_URL": url, **_SESSION},
        )
    model.raise_failure()
    expect(SAYS in done.stdout, "the session should come to its end", done.stderr or done.stdout)
    return model


def _works(transport: str, program: Program, servers: Servers) -> str:
    model = _session(program, servers, _entry(transport, servers), whole(_PREFIX))
    return expect_whole(model, _PREFIX, "input_schema", asks=True)


def _survives_a_restart(transport: str, program: Program, servers: Servers) -> str:
    with servers.own() as server:
        turns = interrupted(_PREFIX, partial(server.restart, transport))
        model = _session(program, servers, _entry(transport, servers, server.url(transport)), turns)
    return expect_recovery(model.answers)


def _entry(transport: str, servers: Servers, url: str = "") -> dict[str, Any]:
    if transport == "stdio":
        command, environment = servers.stdio()
        return {"command": command[0], "args": command[1:], "env": environment}
    name, _, value = AUTHORIZATION.partition(": ")
    return {"type": transport, "url": url or servers.shared.url(transport), "headers": {name: value}}


CLIENT = Client(
    "Claude Code",
    lambda cache: cache.npm("@anthropic-ai/claude-code", "2.1.330", "cli-wrapper.cjs"),
    [
        Check("sse, http, stdio", "`claude mcp add`, `claude mcp list`", _lists),
        Check("http, stdio", "`proxmox-mcp connect claude-code`, then `claude mcp list`", _connected),
        *(
            Check(transport, f"`claude -p`, {DOES}", partial(_works, transport))
            for transport in ("sse", "http", "stdio")
        ),
        *(
            Check(transport, f"`claude -p`, {RESTARTED}", partial(_survives_a_restart, transport))
            for transport in ("sse", "http")
        ),
    ],
)
