"""A machine that only has a client: ``--url`` alone looks at the server from there, and speaks of nothing else."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from doctor.examined import TOKEN, cure, examined
from doctor.proxies import Proxy, listening
from doctor.test_client_view import server
from proxmox_mcp.doctor import describes_a_server, run
from proxmox_mcp.settings import known_names
from serving import free_port, serving

if TYPE_CHECKING:
    from pathlib import Path

    from serving import Served

__all__ = ["server"]


@pytest.mark.parametrize("path", ["/sse", "/mcp", ""])
def test_with_the_token_a_healthy_server_has_no_error(path: str, server: Served) -> None:
    report = examined({"PATH": "/bin", "MCP_AUTH_TOKEN": TOKEN}, url=server.url + path)
    assert report.status == 0
    assert {step["part"] for step in report.steps} == {"settings", server.url}
    assert "Proxmox" not in str(report.steps).replace("proxmox", "")
    assert report.next == (
        f"Next: connect a client with `proxmox-mcp connect CLIENT --url {server.url}`, or by hand: "
        f"`proxmox-mcp doctor --url {server.url} --clients` prints what to paste."
    )


@pytest.mark.parametrize("token", ["", "a-token-of-another-server"])
def test_without_the_right_token_it_says_where_to_get_it(token: str, server: Served) -> None:
    report = examined({"MCP_AUTH_TOKEN": token}, url=f"{server.url}/mcp")
    assert report.status == 1
    assert report.next.startswith("Next: set MCP_AUTH_TOKEN to the token that the operator of the server gave you")


def test_a_name_that_the_server_does_not_know_is_for_the_operator(server: Served) -> None:
    with listening(Proxy(server.port, host="mcp.example.org")) as port:
        report = examined({"MCP_AUTH_TOKEN": TOKEN}, url=f"http://localhost:{port}/mcp")
    assert report.status == 1
    assert "Ask the operator of the server to allow this name" in cure(report.step("streamable HTTP"))


def test_a_closed_port_ends_it(server: Served) -> None:
    report = examined({}, url=f"http://127.0.0.1:{free_port()}/mcp")
    assert report.status == 1
    assert [step["part"] for step in report.steps if step["status"] == "fail"] != []


def test_what_is_to_paste_there_has_no_command_that_starts_a_server(server: Served) -> None:
    out = io.StringIO()
    assert run({"MCP_AUTH_TOKEN": TOKEN}, url=f"{server.url}/mcp", clients=True, out=out) == 0
    assert f"{server.url}/mcp" in out.getvalue()
    assert "--stdio" not in out.getvalue()
    assert out.getvalue().splitlines()[-1] == "Next: paste the settings above into your client."


@pytest.mark.parametrize("name", known_names())
def test_a_setting_of_a_server_makes_it_look_at_the_server_as_well(name: str) -> None:
    assert describes_a_server({"PATH": "/bin", name: "x"}) is (name != "MCP_AUTH_TOKEN")
    assert not describes_a_server({"PATH": "/bin", name: ""})


@pytest.mark.parametrize("path", ["/sse", "/mcp"])
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_server_whose_settings_are_wrong_is_an_error_that_names_them(path: str, host: str, tmp_path: Path) -> None:
    """On loopback everybody there may read what is wrong; on an open address without a token, nobody."""
    with serving(tmp_path, MCP_HOST=host, PROXMOX_HOST="pve1", PROXMOX_USER="mcp", PROXMOX_PASSWORD="x") as served:
        report = examined({}, url=f"{served.url}{path}")
    assert report.status == 1
    step = report.step("SSE" if path == "/sse" else "streamable HTTP")
    assert "answers, but its settings are wrong" in step["found"]
    told = "\n".join(step["details"])
    assert ("PROXMOX_USER is 'mcp': the realm is missing" in told) == (host == "127.0.0.1")
    assert ("MCP_AUTH_TOKEN" in told) == (host != "127.0.0.1")
    assert report.next == "Next: correct the settings named here, then restart the server."
