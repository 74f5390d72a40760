"""595 has two causes, which pveproxy words alike: pvedaemon is away, or another node is. The advice is for the one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from proxmox.raw_server import Request, reply, serving
from proxmox_mcp.errors import DaemonDownError, NodeUnreachableError, ProxmoxError
from proxmox_mcp.proxmox.client import Proxmox

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from proxmox_mcp.proxmox.connection import Connection

    Connect = Callable[..., Connection]
    Certificate = tuple[Path, Path]

pytestmark = pytest.mark.anyio

REFUSED = "Connection refused"


def pveproxy(*, reached: tuple[str, ...], reason: str = REFUSED) -> Callable[[Request, Any], None]:
    """A pveproxy that reaches the pveproxy of some nodes, and no pvedaemon anywhere.

    Versions are answered by a node's pveproxy itself; all else is ``protected``, and comes back as 595.
    """

    def script(request: Request, connection: Any) -> None:
        path = request.target.partition("?")[0].removeprefix("/api2/json")
        versions = {"/version", *(f"/nodes/{node}/version" for node in reached)}
        if request.method == "GET" and path in versions:
            connection.sendall(reply({"version": "9.1.9"}))
        else:
            connection.sendall(reply(status=595, reason=reason, body=b""))

    return script


async def refusal(connection: Connection, method: str, path: str) -> ProxmoxError:
    pve = Proxmox(connection)
    with pytest.raises(ProxmoxError) as caught:
        await pve.request(method, path)
    await pve.aclose()
    return caught.value


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("/nodes/pve1/qemu/100/config", "node pve1"),
        ("/nodes/pve1/tasks/UPID:pve1:1:2:3:qmstart:100:root@pam:/status", "node pve1"),
        ("/nodes/localhost/network", "127.0.0.1:"),
        ("/cluster/backup", "127.0.0.1:"),
        ("/access/users", "127.0.0.1:"),
        ("/storage", "127.0.0.1:"),
        ("/nodes", "127.0.0.1:"),
    ],
)
async def test_where_the_pveproxy_of_a_node_answers_it_is_pvedaemon_that_is_away(
    method: str, path: str, where: str, certificate: Certificate, connect: Connect
) -> None:
    with serving(pveproxy(reached=("pve1",)), certificate) as server:
        error = await refusal(connect(server.port), method, path)
        asked = [request.target for request in server.requests if request.target.startswith(f"/api2/json{path}")]
    assert type(error) is DaemonDownError
    assert error.message.startswith(f"pvedaemon is not running on {where}")
    assert "systemctl restart pvedaemon" in error.advice
    assert "can't reach" not in str(error)
    assert "/cluster/status" not in str(error), "pvedaemon serves that as well"
    assert (error.status, error.sent) == (595, False)
    assert asked == [f"/api2/json{path}"], "nothing is sent again"


@pytest.mark.parametrize("reason", [REFUSED, "No route to host", "Connection timed out", "Verbindungsaufbau abgelehnt"])
async def test_a_node_whose_pveproxy_does_not_answer_is_one_that_can_not_be_reached(
    reason: str, certificate: Certificate, connect: Connect
) -> None:
    with serving(pveproxy(reached=("pve1",), reason=reason), certificate) as server:
        error = await refusal(connect(server.port), "POST", "/nodes/pve2/qemu/100/status/start")
    assert type(error) is NodeUnreachableError
    assert error.message == f'The node that was asked can\'t reach node pve2 (595 "{reason}").'
    assert "GET /cluster/status" in error.advice
    assert "Nothing was done." in error.advice


@pytest.mark.parametrize("reason", ["No route to host", "Network is unreachable", "Connection timed out"])
async def test_what_only_a_network_does_is_not_pvedaemon_even_if_the_node_answers_a_moment_later(
    reason: str, certificate: Certificate, connect: Connect
) -> None:
    with serving(pveproxy(reached=("pve1",), reason=reason), certificate) as server:
        error = await refusal(connect(server.port), "GET", "/nodes/pve1/status")
        assert len(server.requests) == 1
    assert type(error) is NodeUnreachableError
    assert "can't reach node pve1" in error.message


@pytest.mark.parametrize("status", [596, 597, 598, 599])
async def test_other_faults_on_the_way_are_not_taken_for_it(
    status: int, certificate: Certificate, connect: Connect
) -> None:
    with serving(reply(status=status, reason="broken pipe", body=b""), certificate) as server:
        error = await refusal(connect(server.port), "GET", "/nodes/pve1/status")
        assert len(server.requests) == 1
    assert type(error) is NodeUnreachableError


async def test_a_password_is_taken_to_the_next_host_where_pvedaemon_can_not_check_it(
    certificate: Certificate, connect: Connect
) -> None:
    def sound(request: Request, connection: Any) -> None:
        ticket = {"ticket": "PVE:mcp@pve:1", "CSRFPreventionToken": "1:x"}
        connection.sendall(reply(ticket if request.target.endswith("/access/ticket") else "two"))

    with serving(pveproxy(reached=()), certificate) as one, serving(sound, certificate) as two:
        pve = Proxmox(connect(one.port, two.port, token=""))
        assert await pve.request("POST", "/nodes/pve1/qemu") == "two"
        assert "pvedaemon" in pve.state().reason
        await pve.aclose()
        alone = await refusal(connect(one.port, token=""), "GET", "/nodes")
    assert "can't reach its own pvedaemon" in alone.message
    assert "systemctl status pvedaemon" in alone.advice
