"""Every call is on record, however early it ends, and none of its secrets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from gateway.conftest import records
from proxmox_mcp.errors import CallError, RateLimitError
from proxmox_mcp.gateway import Gateway, Request
from proxmox_mcp.policy.caller import Caller
from tool_calls import run_tool

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox.raw_server import RawServer

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("method", "path", "data"),
    [
        ("POST", "/nodes/pve1/certificates/custom", {"key": "kept-from-all", "certificates": "none"}),
        ("POST", "/nodes/*/certificates/custom", {"key": "kept-from-all"}),
        ("POST", "/nodes/*/certificates/custom?key=kept-from-all", {}),
        ("POST", "/access/openid/login", {"code": "kept-from-all"}),
        ("POST", "/cluster/sdn/dns", {"dns": "d", "key": ["kept-from-all"]}),
        ("TRACE kept", "/access/tfa/root@pam?value=kept-from-all", {}),
    ],
)
async def test_a_call_that_is_refused_is_on_record_without_its_secrets(
    gateway: Gateway, method: str, path: str, data: dict[str, Any]
) -> None:
    with pytest.raises(CallError):
        await gateway.call(Request(path=path, method=method, data=data))
    (line,) = records(gateway)
    assert (line["event"], line["caller"], line["path"]) == ("outcome", "local", path.partition("?")[0])
    assert line["result"] in ("call.invalid", "call.target")
    assert "kept-from-all" not in json.dumps(line)


async def test_what_is_refused_before_it_is_resolved_is_on_record_too(
    recorder: RawServer, gateway_to: Callable[..., Gateway]
) -> None:
    gateway = gateway_to(recorder.port, MCP_RATE_LIMIT="2")
    stranger = Caller(name="stranger", clusters=frozenset({"elsewhere"}))
    with pytest.raises(CallError, match="There is no cluster `default`"):
        await gateway.call(Request(path="/version", cluster="default", caller=stranger))
    with pytest.raises(CallError, match="There is no cluster `default`"):
        await run_tool(gateway, "list_nodes", caller=stranger, cluster="default")
    with pytest.raises(RateLimitError):
        await gateway.call(Request(path="/version", caller=stranger))
    told = [(line["caller"], line["path"], line["result"]) for line in records(gateway)]
    assert told == [
        ("stranger", "/version", "call"),
        ("stranger", "/cluster/resources", "call"),
        ("stranger", "/version", "guard.rate"),
    ]
