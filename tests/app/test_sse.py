"""When a session over SSE counts as idle. What its streams carry is tested in ``tests/e2e/test_reopened_stream.py``."""

from __future__ import annotations

import mcp_types as types
from mcp.shared.message import SessionMessage

from proxmox_mcp.app.sse import SessionActivity


def test_a_session_is_not_idle_while_a_request_of_it_is_served() -> None:
    now = 100.0
    activity = SessionActivity(lambda: now)

    def request(number: int) -> SessionMessage:
        return SessionMessage(types.JSONRPCRequest(jsonrpc="2.0", id=number, method="tools/call"))

    now += 50
    assert activity.idle == 50
    activity.received(request(1))
    activity.received(request(2))
    now += 5000
    assert activity.idle == 0
    activity.sent(SessionMessage(types.JSONRPCResponse(jsonrpc="2.0", id=1, result={})))
    assert activity.idle == 0, "the other one is served yet"
    off = types.JSONRPCNotification(jsonrpc="2.0", method="notifications/cancelled", params={"requestId": 2})
    activity.received(SessionMessage(off))
    now += 7
    assert activity.idle == 7
    activity.sent(SessionMessage(types.JSONRPCNotification(jsonrpc="2.0", method="notifications/progress")))
    assert activity.idle == 0
