"""Gemini CLI: its list of servers, and sessions with a scripted model, with streams cut and servers restarted."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.client_checks.check import Check, Client, expect
from scripts.client_checks.model import SAYS, Gemini, ScriptedModel, serve_model
from scripts.client_checks.relay import relaying
from scripts.client_checks.servers import AUTHORIZATION
from scripts.client_checks.sessions import DOES, RESTARTED, expect_recovery, expect_whole, interrupted, whole

from proxmox_mcp import settings_file
from serving import TOKEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scripts.client_checks.install import Cache, Program
    from scripts.client_checks.model import Turn
    from scripts.client_checks.servers import Servers

ROOT = Path(__file__).parents[2]
_PREFIX = "mcp_px_"


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


def _connected(program: Program, servers: Servers) -> str:
    home = _home(servers, {})
    servers.connect(home, "gemini")
    told = _run(program, home, "mcp", "list")
    for name in ("px-http", "px-stdio"):
        line = next((line for line in told.splitlines() if f" {name}:" in line), "")
        expect(line.endswith("Connected"), f"{name} should be Connected", told)
    return "all Connected"


def _session(program: Program, servers: Servers, entry: dict[str, Any], turns: Sequence[Turn]) -> ScriptedModel:
    return _talk(program, _home(servers, {"px": entry}), turns)


def _talk(program: Program, home: Path, turns: Sequence[Turn]) -> ScriptedModel:
    model = ScriptedModel(Gemini(), turns)
    with serve_model(model) as url:
        told = _run(
            program,
            home,
            *("-m", "gemini-2.5-flash", "--approval-mode", "yolo", "-p", "What is there?"),
            GOOGLE_GEMINI_BASE_URL=url,
        )
    model.raise_failure()
    expect(SAYS in told, "the session should come to its end", told)
    return model


def _extension(program: Program, servers: Servers) -> Path:
    """A home with the extension of the last commit, of which nothing is installed but its files."""
    home = _home(servers, {})
    checkout = home / "proxmox-mcp"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(checkout)], check=True)
    folders = {str(place): "TRUST_FOLDER" for place in (home / "work", checkout)}
    (home / ".gemini" / "trustedFolders.json").write_text(json.dumps(folders), encoding="utf-8")
    file = home / ".config" / "proxmox-mcp" / ".env"
    file.parent.mkdir(parents=True)
    settings_file.write(file, settings_file.updated(file, servers.settings))
    (home / ".config" / "uv").mkdir()
    # Gemini CLI gives a server few of its variables: SSL_CERT_FILE is not among them.
    (home / ".config" / "uv" / "uv.toml").write_text("system-certs = true\n", encoding="utf-8")
    told = _run(program, home, "extensions", "install", str(checkout), "--consent", "--skip-settings")
    expect("installed successfully" in told, "the extension should be installed", told)
    expect(not list(home.glob(".gemini/extensions/*/.venv")), "nothing should be installed yet", told)
    return home


def _first_list(program: Program, servers: Servers) -> str:
    told = _run(program, _extension(program, servers), "mcp", "list")
    line = next((line for line in told.splitlines() if " proxmox " in line), "")
    expect(line.endswith("Connected"), "the extension should be Connected", told)
    return "Connected"


def _first_session(program: Program, servers: Servers) -> str:
    prefix = "mcp_proxmox_"
    model = _talk(program, _extension(program, servers), whole(prefix))
    return expect_whole(model, prefix, "parametersJsonSchema", asks=False)


def _installed(cache: Cache) -> Program:
    """Gemini CLI with uv, which starts the extension."""
    gemini = cache.npm("@google/gemini-cli", "0.61.0", "bundle/gemini.js")
    uv = cache.pypi("uv", "0.13.9")
    path = os.pathsep.join((str(Path(uv.command[0]).parent), gemini.environment["PATH"]))
    return replace(gemini, environment={**gemini.environment, "PATH": path})


def _works(transport: str, program: Program, servers: Servers) -> str:
    model = _session(program, servers, _entry(transport, servers), whole(_PREFIX))
    return expect_whole(model, _PREFIX, "parametersJsonSchema", asks=False)


def _survives_a_restart(transport: str, stateless: str, program: Program, servers: Servers) -> str:
    with servers.own(MCP_STATELESS=stateless) as server:
        turns = interrupted(_PREFIX, partial(server.restart, transport))
        model = _session(program, servers, _entry(transport, servers, server.url(transport)), turns)
    return expect_recovery(model.answers)


def _survives_a_cut(program: Program, servers: Servers) -> str:
    with relaying(servers.shared.served.port) as relay:

        def cut() -> None:
            opened = relay.streams()
            relay.cut()
            relay.await_stream(opened + 1)

        entry = _entry("sse", servers, f"http://127.0.0.1:{relay.port}/sse")
        model = _session(program, servers, entry, interrupted(_PREFIX, cut))
    return expect_recovery(model.answers)


CLIENT = Client(
    "Gemini CLI",
    _installed,
    [
        Check("sse, http, stdio", "`gemini mcp list`, in a folder that is not trusted", partial(_lists, False)),
        Check(
            "sse, http, stdio",
            "`gemini mcp list`, in a folder that `~/.gemini/trustedFolders.json` names",
            partial(_lists, True),
        ),
        Check("sse, stdio", "`proxmox-mcp connect gemini`, then `gemini mcp list`", _connected),
        Check(
            "stdio",
            "`gemini extensions install`, then `gemini mcp list` at the first start",
            _first_list,
        ),
        Check("stdio", f"`gemini extensions install`, then `gemini -p` at the first start: {DOES}", _first_session),
        *(
            Check(transport, f"`gemini -p`, {DOES}", partial(_works, transport))
            for transport in ("sse", "http", "stdio")
        ),
        Check("sse", "`gemini -p`, the stream is cut between two calls", _survives_a_cut),
        Check("sse", f"`gemini -p`, {RESTARTED}", partial(_survives_a_restart, "sse", "false")),
        Check("http", f"`gemini -p`, {RESTARTED}", partial(_survives_a_restart, "http", "false")),
        Check("http", f"`gemini -p`, {RESTARTED}, `MCP_STATELESS=true`", partial(_survives_a_restart, "http", "true")),
    ],
)
