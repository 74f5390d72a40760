"""The whole of it: what people read, what programs read, and that it ends."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

from doctor.examined import SECRET, TOKEN, examined, printed
from doctor.proxies import listening
from proxmox.raw_server import drip, reply, serving
from proxmox_mcp import doctor
from proxmox_mcp.doctor import run
from serving import free_port

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from doctor.certificates import Made

    Environment = Callable[..., dict[str, str]]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_people_read_the_fault_its_cure_and_last_of_all_what_to_do_next(environment: Environment) -> None:
    status, text = printed(environment(free_port()))
    assert status == 1
    assert "refuses the connection" in text
    assert "-> Check the port (Proxmox VE: 8006)" in text
    assert text.splitlines()[-2:] == [
        "1 error, 1 warning",
        "Next: check the port (Proxmox VE: 8006), and on the node: `systemctl status pveproxy`.",
    ]
    assert "mcpServers" not in text
    assert TOKEN not in text
    assert SECRET not in text
    assert "\x1b" not in text


def test_a_terminal_gets_colours_and_unbroken_lines(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Terminal()
    run(environment(free_port()), clients=True, out=out)
    assert "\x1b[" in out.getvalue()
    assert "claude mcp add --scope user --transport http proxmox" in out.getvalue()
    assert '--header "Authorization: Bearer $MCP_AUTH_TOKEN"\n' in out.getvalue()


def test_an_output_that_knows_ascii_only_is_no_fault(environment: Environment, certificate: Made) -> None:
    page = reply(body="<title>Kühlschrank</title>".encode(), Content_Type="text/html")
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    with serving(page, certificate.files) as server:
        run(environment(server.port), out=out)
    out.seek(0)
    assert "K?hlschrank" in out.read()


def test_programs_read_one_list_of_steps(environment: Environment) -> None:
    out = io.StringIO()
    status = run(environment(free_port()), as_json=True, out=out)
    steps = json.loads(out.getvalue())
    assert status == 1
    assert {"part", "step", "status", "found", "details", "cures"} <= steps[0].keys()
    assert {step["status"] for step in steps} <= {"ok", "warn", "fail", "skipped"}
    assert "configurations" not in str(steps)
    assert steps[-1]["found"].startswith("Next: ")


def test_what_to_paste_into_clients_is_printed_where_it_is_asked_for(environment: Environment) -> None:
    given = environment(free_port())
    _, text = printed(given, clients=True)
    assert "Bearer $MCP_AUTH_TOKEN" in text
    assert "serve --stdio" in text
    assert TOKEN not in text
    assert SECRET not in text
    out = io.StringIO()
    run(given, as_json=True, clients=True, out=out)
    pasted = json.loads(out.getvalue())[-2]["configurations"]
    assert [each["client"] for each in pasted][:2] == ["Gemini CLI", "Gemini CLI, over HTTP"]
    assert [each["client"] for each in pasted if "stdio" in each["client"]] == [
        f"{client}, over stdio" for client in ("Gemini CLI", "Claude Code", "Claude Desktop", "VS Code", "Cursor")
    ]


def test_a_wrong_environment_is_reported_as_json_too() -> None:
    out = io.StringIO()
    assert run({"MCP_PORT": "http"}, as_json=True, out=out) == 2
    assert json.loads(out.getvalue())[0]["found"].startswith("MCP_PORT")


def test_it_ends_in_time_although_the_node_hangs(
    environment: Environment, certificate: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node and a server that send a byte now and then outlive every timeout of a single read."""
    monkeypatch.setattr(doctor, "TOTAL_SECONDS", 1.5)
    endless = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX: " + b"y" * 10_000
    with (
        serving(lambda _, channel: drip(channel, endless, every=0.05), certificate.files) as node,
        listening(lambda channel: drip(channel, endless, every=0.05)) as outer,
    ):
        report = examined(environment(node.port), url=f"http://127.0.0.1:{outer}/sse")
    assert report.status == 1
