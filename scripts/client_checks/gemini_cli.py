"""Gemini CLI: its list of servers, and sessions with a scripted model, with streams cut and servers restarted."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from scripts.client_checks.check import ANSWERS, Check, Client, expect, expect_answers
from scripts.client_checks.model import SAYS, Gemini, ScriptedModel, Turn, serve_model
from scripts.client_checks.relay import relaying
from scripts.client_checks.servers import AUTHORIZATION
from scripts.client_checks.sessions import expect_schemas

from serving import TOKEN

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from scripts.client_checks.install import Program
    from scripts.client_checks.servers import Servers

_PREFIX = "mcp_px_"
_WRONG = {"path": "/nodes/*/qemu/web-01/config", "method": "PUT", "data": {"memroy": 2048}}
_RISKY = {"path": "/nodes/*/qemu/web-03", "method": "DELETE"}
_NODES = Turn(_PREFIX + "list_nodes")


def _home(servers: Servers, entries: dict[str, Any], *, trusted: bool = True) -> Path:
    """A home with settings; ``trusted``: with the working directory among the trusted folders."""
    home = servers.home()
    settings = {
        "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
        "privacy": {"usageStatisticsEnabled": False},
        "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": True}},
        "telemetry": {"enabled": False},
        "mcpServers": entries,
    }
    (home / ".gemini").mkdir()
    (home / ".gemini" / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    if trusted:
        folders = json.dumps({str(home / "work"): "TRUST_FOLDER"})
        (home / ".gemini" / "trustedFolders.json").write_text(folders, encoding="utf-8")
    return home


def _entry(transport: str, servers: Servers, url: str = "") -> dict[str, Any]:
    if transport == "stdio":
        command, environment = servers.stdio()
        return {"command": command[0], "args": command[1:], "env": environment}
    name, _, _ = AUTHORIZATION.partition(": ")
    headers = {name: "Bearer $PROXMOX_MCP_TOKEN_OF_THIS_CHECK"}
    return {"type": transport, "url": url or servers.shared.url(transport), "headers": headers}


def _run(program: Program, home: Path, *words: str, **environment: str) -> str:
    given = {"PROXMOX_MCP_TOKEN_OF_THIS_CHECK": TOKEN, "GEMINI_API_KEY": "anything", **environment}
    done = program.run(home, *words, environment=given)
    return done.stdout + done.stderr


def _lists(trusted: bool, program: Program, servers: Servers) -> str:
    entries = {f"px-{transport}": _entry(transport, servers) for transport in ("sse", "http", "stdio")}
    told = _run(program, _home(servers, entries, trusted=trusted), "mcp", "list")
    wanted = "Connected" if trusted else "Disabled"
    for name in entries:
        line = next((line for line in told.splitlines() if f" {name}:" in line), "")
        expect(line.endswith(wanted), f"{name} should be {wanted}", told)
    return f"all {wanted}"


def _session(program: Program, servers: Servers, entry: dict[str, Any], turns: Sequence[Turn]) -> ScriptedModel:
    model = ScriptedModel(Gemini(), turns)
    with serve_model(model) as url:
        told = _run(
            program,
            _home(servers, {"px": entry}),
            *("-m", "gemini-2.5-flash", "--approval-mode", "yolo", "-p", "What is there?"),
            GOOGLE_GEMINI_BASE_URL=url,
        )
    if model.failure is not None:
        raise model.failure
    expect(SAYS in told, "the session should come to its end", told)
    expect(len(model.answers) == len(turns), "every call should be answered", model.answers)
    return model


def _works(transport: str, program: Program, servers: Servers) -> str:
    calls = [Turn(_PREFIX + tool, arguments) for tool, (arguments, _) in ANSWERS.items()]
    calls += [Turn(_PREFIX + "proxmox_api_call", arguments) for arguments in (_WRONG, _RISKY)]
    model = _session(program, servers, _entry(transport, servers), calls)
    expect_schemas(model.declared, _PREFIX, "parametersJsonSchema")
    expect_answers(dict(zip(ANSWERS, model.answers, strict=False)))
    wrong, risky = model.answers[-2:]
    expect("Did you mean memory?" in wrong, "a wrong call should teach the right one", wrong)
    expect("confirm: " in risky, "a deletion should come back as a statement to confirm", risky)
    expect("Drives Proxmox VE" in model.heard, "the instructions should reach the model")
    return "answers, faults, the statement of a deletion and the instructions reach the model"


def _survives_a_restart(transport: str, stateless: bool, program: Program, servers: Servers) -> str:
    with servers.own(MCP_STATELESS="true" if stateless else "false") as server:

        def restart() -> None:
            server.restart()
            if transport == "sse":
                server.await_session("sse")

        turns = (_NODES, Turn(_NODES.tool, before=restart), _NODES)
        model = _session(program, servers, _entry(transport, servers, server.url(transport)), turns)
    return _expect_recovery(model.answers)


def _survives_a_cut(program: Program, servers: Servers) -> str:
    with relaying(servers.shared.served.port) as relay:

        def cut() -> None:
            opened = relay.streams()
            relay.cut()
            relay.await_stream(opened + 1)

        entry = _entry("sse", servers, f"http://127.0.0.1:{relay.port}/sse")
        model = _session(program, servers, entry, (_NODES, Turn(_NODES.tool, before=cut), _NODES))
    return _expect_recovery(model.answers)


def _expect_recovery(answers: Sequence[str]) -> str:
    """The calls before, right after, and later."""
    _, text = ANSWERS["list_nodes"]
    for answer, when in zip(answers, ("before", "next", "later"), strict=True):
        expect(text in answer, f"the {when} call should be answered", answer)
    return "the next call is answered"


CLIENT = Client(
    "Gemini CLI",
    lambda cache: cache.npm("@google/gemini-cli", "0.61.0", "bundle/gemini.js"),
    [
        Check("sse, http, stdio", "`gemini mcp list` in a folder that is not trusted", partial(_lists, False)),
        Check("sse, http, stdio", "`gemini mcp list` in a trusted folder", partial(_lists, True)),
        *(
            Check(
                transport,
                "`gemini -p` with a scripted model: calls each tool, makes a wrong call, tries a deletion",
                partial(_works, transport),
            )
            for transport in ("sse", "http", "stdio")
        ),
        Check("sse", "the stream is cut between two calls", _survives_a_cut),
        Check("sse", "the server is restarted between two calls", partial(_survives_a_restart, "sse", False)),
        Check("http", "the server is restarted between two calls", partial(_survives_a_restart, "http", False)),
        Check(
            "http",
            "the server is restarted between two calls, MCP_STATELESS=true",
            partial(_survives_a_restart, "http", True),
        ),
    ],
)
