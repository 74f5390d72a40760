"""Writes that another call has to apply: the answer says which, and a list says that not all of it is in force."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from proxmox.raw_server import Request as Sent
from proxmox.raw_server import reply
from proxmox.raw_server import serving as raw_serving
from proxmox_mcp.apidoc import load_index
from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.gateway import Request
from proxmox_mcp.gateway.not_in_force import applied_by
from proxmox_mcp.policy.call import Call
from proxmox_mcp.render import View

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from proxmox_mcp.gateway import Gateway

pytestmark = pytest.mark.anyio

_WRITES = [endpoint for endpoint in load_index("9.2").endpoints if endpoint.method != "GET"]


def _applied_by(method: str, template: str) -> str:
    path = ApiPath.parse(template.replace("{", "").replace("}", ""))
    return applied_by(Call(method=method, path=path, template=template, path_params={"node": "pve1"}))


def test_each_write_of_interfaces_and_of_sdn_waits_for_the_call_that_applies_it() -> None:
    waiting: dict[str, set[str]] = {}
    for each in _WRITES:
        if by := _applied_by(each.method, each.path):
            waiting.setdefault(by, set()).add(f"{each.method} {each.path}")
    sdn = waiting.pop("PUT /cluster/sdn")
    assert waiting == {
        "PUT /nodes/pve1/network": {
            "POST /nodes/{node}/network",
            "PUT /nodes/{node}/network/{iface}",
            "DELETE /nodes/{node}/network/{iface}",
        }
    }
    objects = {call.split("/cluster/sdn/")[1].split("/")[0] for call in sdn}
    assert objects == {"zones", "vnets", "controllers", "fabrics"}
    assert "POST /cluster/sdn/vnets/{vnet}/subnets" in sdn
    assert not any("/firewall" in call or "/ips" in call for call in sdn)


def _upstream(request: Sent, connection: Any) -> None:
    path, _, query = request.target.removeprefix("/api2/json").partition("?")
    rows = [{"iface": "vmbr0", "type": "bridge"}, {"iface": "vmbr1", "type": "bridge"}]
    if path == "/version":
        connection.sendall(reply({"version": "9.2.1", "release": "9.2"}))
    elif path == "/cluster/resources":
        nodes = [{"type": "node", "node": f"pve{n}", "id": f"node/pve{n}", "status": "online"} for n in (1, 2)]
        connection.sendall(reply(nodes))
    elif path == "/nodes/pve1/network" and request.method == "GET":
        changes = {} if "type=bond" in query else {"changes": "+++ /etc/network/interfaces.new\n+auto vmbr1"}
        connection.sendall(reply(body=json.dumps({"data": rows, **changes}).encode()))
    else:
        connection.sendall(reply([] if request.method == "GET" else None))


@pytest.fixture(scope="module")
def gateway(certificate: tuple[Path, Path], gateway_to: Callable[..., Gateway]) -> Any:
    with raw_serving(_upstream, certificate) as server:
        yield gateway_to(server.port, MCP_MODE="full")


async def test_the_answer_to_a_write_names_what_applies_it(gateway: Gateway) -> None:
    data = {"iface": "vmbr1", "type": "bridge"}
    told = await gateway.call(Request(method="POST", path="/nodes/pve1/network", data=data))
    assert told.split("\n")[0] == "Done: POST /nodes/pve1/network. pending until PUT /nodes/pve1/network"
    told = await gateway.call(Request(method="PUT", path="/nodes/pve1/network"))
    assert "pending until" not in told


async def test_interfaces_that_are_not_in_force_are_told(gateway: Gateway) -> None:
    told = await gateway.call(Request(path="/nodes/pve1/network", view=View()))
    assert told.split("\n")[-1] == (
        "Not all of this is in force: PUT /nodes/pve1/network applies what was changed, "
        "DELETE /nodes/pve1/network discards it."
    )
    told = await gateway.call(Request(path="/nodes/pve1/network", data={"type": "bond"}, view=View()))
    assert "in force" not in told


async def test_the_note_of_one_node_is_told_below_the_interfaces_of_all(gateway: Gateway) -> None:
    told = await gateway.call(Request(path="/nodes/*/network", view=View()))
    assert told.count("Not all of this is in force: PUT /nodes/pve1/network applies") == 1
    assert "pve2/network" not in told
