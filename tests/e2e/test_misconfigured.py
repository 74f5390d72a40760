"""A server whose settings are wrong or missing: it starts, answers every call with what to set, and calls nothing."""

from __future__ import annotations

import json
import signal
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from clients import ERAS, connect, connect_stdio
from proxmox.raw_server import reply
from proxmox.raw_server import serving as serving_node
from serving import TOKEN, callers_file, free_port, run, serving

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

TOOLS: dict[str, dict[str, Any]] = {
    "search_api": {"query": "grow a disk"},
    "proxmox_api_get": {"path": "/nodes"},
    "proxmox_api_call": {"path": "/nodes/pve1/qemu/100/status/start", "method": "POST"},
    "proxmox_api_plan": {"steps": [{"path": "/nodes/pve1/qemu/100/status/start", "method": "POST"}]},
    "list_nodes": {},
    "get_cluster_resources": {},
}
SECRET = "11111111-2222-3333-4444-555555555555"
SOUND = {
    "PROXMOX_HOST": "127.0.0.1:1",
    "PROXMOX_USER": "mcp@pve",
    "PROXMOX_TOKEN_ID": "mcp",
    "PROXMOX_PASSWORD": SECRET,
    "MCP_AUTH_TOKEN": TOKEN,
}


@dataclass(frozen=True)
class Wrong:
    """Settings to add to sound ones (empty: left out), and what must be told of them."""

    settings: dict[str, str]
    told: tuple[str, ...]


KINDS = {
    "nothing of Proxmox is set": Wrong(
        dict.fromkeys(("PROXMOX_HOST", "PROXMOX_USER", "PROXMOX_TOKEN_ID", "PROXMOX_PASSWORD"), ""),
        ("PROXMOX_HOST is empty", "PROXMOX_USER is empty", "PROXMOX_PASSWORD is empty"),
    ),
    "a choice, a number and a name": Wrong(
        {"MCP_MODE": "readonly", "MCP_TASK_WAIT": "long", "PROXMOX_USER": "mcp", "PROXMOX_FINGERPRINT": "AB"},
        ("MCP_MODE", "read-only, guarded or full", "MCP_TASK_WAIT", "a number from 0 to 3600", "mcp@pve", "64 hex"),
    ),
    "files that are not there": Wrong(
        {
            "MCP_POLICY_FILE": "/nowhere/policy.toml",
            "MCP_AUDIT_FILE": "/nowhere/audit.jsonl",
            "PROXMOX_APIDOC": "/nowhere/apidoc.js",
            "PROXMOX_CA_FILE": "/nowhere/ca.pem",
        },
        ("/nowhere/policy.toml", "MCP_AUDIT_FILE", "PROXMOX_CA_FILE"),
    ),
    "a secret in the wrong place": Wrong(
        {"PROXMOX_TOKEN_ID": SECRET, "PROXMOX_PASSWORD": f"mcp@pve!mcp={SECRET}"},
        ("belongs in PROXMOX_PASSWORD", "holds a whole token"),
    ),
    "a secret in a file that is not there": Wrong(
        {"PROXMOX_PASSWORD": "", "PROXMOX_PASSWORD_FILE": "/run/secrets/none"}, ("PROXMOX_PASSWORD_FILE",)
    ),
}


async def answers(session: Any) -> str:
    """The one text that every tool answers with."""
    assert [tool.name for tool in (await session.client.list_tools()).tools] == list(TOOLS)
    texts = set()
    for name, arguments in TOOLS.items():
        answer = await session.call(name, **arguments)
        assert answer.is_error
        texts.add(answer.text)
    (text,) = texts
    return str(text)


def settings_of(kind: str) -> dict[str, str]:
    return {name: value for name, value in {**SOUND, **KINDS[kind].settings}.items() if value}


@pytest.mark.parametrize("kind", KINDS)
async def test_every_call_is_answered_with_all_that_is_to_be_set(kind: str, tmp_path: Path) -> None:
    with serving(tmp_path, **settings_of(kind)) as served:
        async with connect(served, "http") as session:
            text = await answers(session)
            assert session.client.instructions == text
        async with connect(served, "sse", "auto") as session:
            assert await answers(session) == text
        assert served.ask("GET", "/livez").status == 200
        assert served.ask("GET", "/readyz").status == 503
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        verbose = json.loads(served.ask("GET", "/readyz?verbose", bearer).text)
        metrics = served.ask("GET", "/metrics", bearer).text
        log = served.log
    assert (verbose["ready"], verbose["settings"]) == (False, text)
    assert "proxmox_mcp_configured 0.0" in metrics
    assert 'proxmox_mcp_tool_calls_total{result="settings",tool="list_nodes"} 2.0' in metrics
    for told in KINDS[kind].told:
        assert told in text
        assert told in log
    assert " ERROR " in log
    for secret in (SECRET, TOKEN):
        assert secret not in text
        assert secret not in log
    assert "pydantic" not in text
    assert "Traceback" not in log


@pytest.mark.parametrize(("kind", "era"), list(zip(KINDS, ERAS, strict=False)))
async def test_over_stdio_too(kind: str, era: str, tmp_path: Path) -> None:
    async with connect_stdio(tmp_path, settings_of(kind), era) as session:
        text = await answers(session)
        assert session.client.instructions == text
    assert all(told in text for told in KINDS[kind].told)
    assert SECRET not in text


@pytest.mark.slow
async def test_read_only_mode_does_not_list_the_tool_that_writes(tmp_path: Path) -> None:
    async with connect_stdio(tmp_path, {"MCP_MODE": "read-only"}) as session:
        assert "proxmox_api_call" not in [tool.name for tool in (await session.client.list_tools()).tools]


OPEN = {
    "no token on an address that others reach": ({"MCP_AUTH_TOKEN": ""}, {}),
    "a token that could be guessed": ({"MCP_AUTH_TOKEN": "short"}, {}),
    "a token in a file that is not there": ({"MCP_AUTH_TOKEN": "", "MCP_AUTH_TOKEN_FILE": "/run/secrets/none"}, {}),
    "a token given twice": ({"MCP_AUTH_TOKEN_FILE": "/run/secrets/none"}, {}),
    "authentication turned off by a word that is none": ({"MCP_AUTH_TOKEN": "", "MCP_AUTH": "off"}, {}),
    "callers that can't be read": ({"MCP_AUTH_TOKEN": "", "MCP_CALLERS_FILE": "/nowhere/callers.toml"}, {}),
    "callers at fault": ({"MCP_AUTH_TOKEN": ""}, {"callers.toml": callers_file() + "\nnmae = 1\n"}),
}
PRIVATE = ("pve-of-nobody-else", "mcp@pve", "/nowhere", "/run/secrets", SECRET, "callers.toml")


@pytest.mark.parametrize(
    ("kind", "host"), [*((kind, "0.0.0.0") for kind in OPEN), ("a token in a file that is not there", "127.0.0.1")]
)
async def test_where_the_settings_do_not_tell_who_calls_nobody_reaches_the_cluster_or_learns_a_value(
    kind: str, host: str, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    changed, files = OPEN[kind]
    for name, text in files.items():
        (tmp_path / name).write_text(text)
        changed = {**changed, "MCP_CALLERS_FILE": str(tmp_path / name)}
    with serving_node(reply({"version": "9.1.9"}), certificate) as node:
        given = {**SOUND, **changed, "MCP_HOST": host, "PROXMOX_HOST": f"127.0.0.1:{node.port}",
                 "PROXMOX_USER": "mcp@pve"}  # fmt: skip
        with serving(tmp_path, **{name: value for name, value in given.items() if value}) as served:
            async with connect(served, "http", token="") as session:
                text = await answers(session)
            for token in (TOKEN, "ops-token-of-these-tests", "short"):
                async with connect(served, "http", token=token) as session:
                    assert (await session.call("list_nodes")).text == text
            verbose = served.ask("GET", "/readyz?verbose")
            assert served.ask("GET", "/metrics").status == 404
            assert served.ask("GET", "/mcp", {"Host": "evil.example.com"}).status == 421
            assert served.ask("GET", "/mcp", {"Origin": "https://evil.example.com"}).status == 403
            log = served.log
        assert not node.requests
    assert "MCP_AUTH_TOKEN" in text
    for shown in (text, verbose.text, verbose.headers.get("x-request-id", "")):
        assert not any(value in shown for value in PRIVATE)
    assert verbose.status == 503
    assert " ERROR " in log, "the operator learns what it is"


async def test_known_callers_stay_the_only_ones_that_are_told(tmp_path: Path) -> None:
    with serving(tmp_path, **settings_of("a choice, a number and a name"), MCP_HOST="0.0.0.0") as served:
        for path in ("/mcp", "/sse", "/metrics", "/readyz?verbose"):
            for headers in ({}, {"Authorization": "Bearer another"}):
                assert served.ask("GET", path, headers).status == 401


async def test_the_settings_are_read_at_the_start_alone_and_sighup_says_so(tmp_path: Path) -> None:
    with serving(tmp_path, MCP_MODE="x") as served:
        served.process.send_signal(signal.SIGHUP)
        served.wait_for("correct them, then restart the server")
        assert served.end() == 0


@pytest.mark.parametrize("way", ["environment", "options", "both addresses of localhost"])
def test_a_taken_port_is_one_line_with_the_cure_before_anything_else_is_said(way: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        host = "localhost" if way.startswith("both") else "127.0.0.1"
        if way == "options":
            done = run(tmp_path, "serve", "--host", host, "--port", str(port), **SOUND, MCP_PORT="1")
        else:
            done = run(tmp_path, "serve", **SOUND, MCP_HOST=host, MCP_PORT=str(port))
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert f"Port {port} of {host} is in use by another program" in line
    assert "MCP_PORT, or serve --port" in line
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("host", "said"),
    [("192.0.2.1", "is not an address of this machine"), ("no-such-name.invalid", "can't be resolved")],
)
def test_an_address_that_is_not_there_is_one_line_too(host: str, said: str, tmp_path: Path) -> None:
    done = run(tmp_path, "serve", **SOUND, MCP_HOST=host, MCP_PORT=str(free_port()))
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert said in line


@pytest.mark.parametrize("name", ["MCP_CONSOLE_PORT", "MCP_METRICS_PORT"])
def test_two_settings_with_one_port_are_named_and_no_other_program_is_blamed(name: str, tmp_path: Path) -> None:
    port = str(free_port())
    done = run(tmp_path, "serve", **SOUND, MCP_HOST="127.0.0.1", MCP_PORT=port, **{name: port})
    assert done.returncode == 2
    said, advice = done.stderr.splitlines()
    assert said.endswith(f"MCP_PORT and {name} are both {port}.")
    assert advice == f"Set {name} to another port, or to 0."


def test_a_port_for_metrics_that_is_taken_is_told_before_anything_is_said_to_be_served(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = {"MCP_PORT": str(free_port()), "MCP_METRICS_PORT": str(taken.getsockname()[1])}
        done = run(tmp_path, "serve", **SOUND, MCP_HOST="127.0.0.1", **ports)
    assert done.returncode == 2
    assert "serving" not in done.stderr
    assert "MCP_METRICS_PORT" in done.stderr.splitlines()[-1]


def test_options_take_the_place_of_the_variables(tmp_path: Path) -> None:
    port = free_port()
    with serving(
        tmp_path, "--host", "127.0.0.1", "--port", str(port), **SOUND, MCP_PORT=str(port), MCP_HOST="x"
    ) as served:
        served.wait_for(f"serving http://127.0.0.1:{port}/mcp")
        assert served.ask("GET", "/livez").status == 200


def test_over_stdio_there_is_no_address(tmp_path: Path) -> None:
    done = run(tmp_path, "serve", "--stdio", "--port", "8000")
    assert done.returncode == 2
    assert "Leave them out with --stdio" in done.stderr


def test_a_start_logs_whom_it_uses_where_and_warns_of_an_unchecked_certificate(tmp_path: Path) -> None:
    (tmp_path / "clusters.toml").write_text(
        '[lab]\nPROXMOX_HOST = "127.0.0.1:1,127.0.0.2:1"\n'
        f'[office]\nPROXMOX_HOST = "127.0.0.1:2"\nPROXMOX_FINGERPRINT = "{"AB" * 32}"\n'
        'PROXMOX_TOKEN_ID = "root@pam!t1"\nPROXMOX_USER = "root@pam"\n'
    )
    given = {name: value for name, value in SOUND.items() if name != "PROXMOX_HOST"}
    with serving(tmp_path, **given, MCP_CLUSTERS_FILE=str(tmp_path / "clusters.toml")) as served:
        log = served.log
    assert "cluster lab: 127.0.0.1:1, 127.0.0.2:1, as mcp@pve!mcp with an API token; certificate not checked" in log
    assert "cluster office: 127.0.0.1:2, as root@pam!t1 with an API token; certificate pinned" in log
    warned = [line for line in log.splitlines() if " WARNING " in line and "certificate is not checked" in line]
    assert [line.partition("cluster ")[2].partition(":")[0] for line in warned] == ["lab"]
    assert "PROXMOX_FINGERPRINT" in warned[0]
