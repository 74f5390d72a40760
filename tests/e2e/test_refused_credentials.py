"""Credentials that Proxmox refuses: one error in the log, and every place that a person or a model looks at says so."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from clients import connect
from proxmox.raw_server import reply
from proxmox.raw_server import serving as serving_node
from serving import TOKEN, serving

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

BEARER = {"Authorization": f"Bearer {TOKEN}"}
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("search_api", {"query": "grow a disk"}),
    ("proxmox_api_get", {"path": "/nodes"}),
    ("proxmox_api_get", {"path": "/nodes/*/qemu"}),
    ("proxmox_api_get", {"path": "/no/such/path"}),
    ("proxmox_api_call", {"path": "/cluster/options", "method": "PUT", "data": {"cores": 1}}),
    ("proxmox_api_call", {"path": "/nodes/pve1/qemu/100/status/start", "method": "POST"}),
    ("proxmox_api_call", {"path": "/cluster/options", "method": "PUT", "data": {"keyboard": "de"}, "dry_run": True}),
    ("list_nodes", {}),
    ("get_cluster_resources", {}),
]


class Node:
    """Refuses every credential until ``takes`` is set."""

    takes = False

    def __call__(self, request: Any, connection: Any) -> None:
        if not self.takes:
            connection.sendall(reply(status=401, reason="authentication failure", body=b""))
        elif request.target.endswith("/access/ticket"):
            connection.sendall(reply({"ticket": "PVE:mcp@pve:1", "CSRFPreventionToken": "1:x"}))
        elif request.target.endswith("/version"):
            connection.sendall(reply({"version": "9.1.9"}))
        else:
            connection.sendall(reply([]))


@pytest.mark.parametrize("by", ["token", "password"])
async def test_refused_credentials_are_told_everywhere_and_logged_once_until_they_are_taken(
    by: str, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    node = Node()
    with serving_node(node, certificate) as server:
        settings = {
            "PROXMOX_HOST": f"127.0.0.1:{server.port}",
            "PROXMOX_USER": "mcp@pve",
            "PROXMOX_PASSWORD": "11111111-2222-3333-4444-555555555555",
            "MCP_AUTH_TOKEN": TOKEN,
            "PROXMOX_APIDOC": "bundled",
            **({"PROXMOX_TOKEN_ID": "mcp"} if by == "token" else {}),
        }
        with serving(tmp_path, **settings) as served:
            served.wait_for("refuses the credentials")
            async with connect(served, "http") as session:
                for tool, arguments in CALLS:
                    answer = await session.call(tool, **arguments)
                    assert "refuses" in answer.text, f"{tool} {arguments}: {answer}"
                    assert "`proxmox-mcp doctor`" in answer.text, f"{tool} {arguments}: {answer}"
                    assert answer.text.count("`proxmox-mcp doctor`") == 1, answer
                refused = json.loads(served.ask("GET", "/readyz?verbose", BEARER).text)["clusters"]["default"]
                metrics = served.ask("GET", "/metrics", BEARER).text
                errors = [line for line in served.log.splitlines() if " ERROR " in line]
                node.takes = True
                with anyio.fail_after(30):  # A refused password is not tried again for five seconds (``pve.login``).
                    while (await session.call("list_nodes")).is_error:  # noqa: ASYNC110 - it has no event for it
                        await anyio.sleep(0.2)
                assert "refuses" not in (await session.call("search_api", query="grow a disk")).text
            served.wait_for("the node runs 9.1.9")
            accepted = json.loads(served.ask("GET", "/readyz?verbose", BEARER).text)["clusters"]["default"]
            log = served.log
    identity = "mcp@pve!mcp" if by == "token" else "mcp@pve"
    (line,) = errors
    assert f"refuses the credentials of {identity}" in line
    assert "authentication failure" in line
    assert "`proxmox-mcp doctor`" in line
    assert refused["identity"] == identity
    assert refused["credentials"].startswith(f"refused (127.0.0.1:{server.port}: ")
    assert 'proxmox_mcp_credentials_accepted{cluster="default"} 0.0' in metrics
    assert accepted["credentials"] == "accepted"
    assert f"accepts the credentials of {identity} again" in log
    assert f"calls go to 127.0.0.1:{server.port} as {identity}" in log
    assert "11111111-2222" not in log


async def test_a_password_that_a_call_carries_is_not_the_servers_own(
    certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    def refuses_others(request: Any, connection: Any) -> None:
        if request.method == "GET":
            connection.sendall(reply({"version": "9.1.9"} if request.target.endswith("/version") else []))
        else:
            connection.sendall(reply(status=401, reason="authentication failure", body=b""))

    with serving_node(refuses_others, certificate) as server:
        settings = {
            "PROXMOX_HOST": f"127.0.0.1:{server.port}",
            "PROXMOX_USER": "mcp@pve",
            "PROXMOX_TOKEN_ID": "mcp",
            "PROXMOX_PASSWORD": "11111111-2222-3333-4444-555555555555",
            "MCP_AUTH_TOKEN": TOKEN,
            "MCP_MODE": "full",
        }
        with serving(tmp_path, **settings) as served:
            served.wait_for("calls go to")
            async with connect(served, "http") as session:
                data = {"username": "lena@pve", "password": "not-hers"}
                answer = await session.make("POST", "/access/ticket", data)
            assert "authentication failure" in answer.text
            assert " ERROR " not in served.log
