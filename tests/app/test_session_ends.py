"""The end of a session that comes at the same moment as its client's last message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from patience import PATIENCE
from proxmox_mcp.app.session_ends import OrderlyEnds

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

pytestmark = pytest.mark.anyio


class Application:
    """In the place of the SDK: takes a message once it is told to, and notes what came to its end, in order."""

    def __init__(self) -> None:
        self.ended: list[str] = []
        self.takes = anyio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = b"text/event-stream" if scope["path"] == "/call" else b"application/json"
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
        if scope["method"] == "POST":
            await self.takes.wait()
        self.ended.append(f"{scope['method']} {scope['path']}")


def request(method: str, path: str, session: str = "s1") -> dict[str, Any]:
    return {"type": "http", "method": method, "path": path, "headers": [(b"mcp-session-id", session.encode())]}


async def sends(_: Message) -> None: ...


async def receives() -> Message:
    raise AssertionError("the body is not read here")


async def test_a_session_ends_after_the_messages_before_are_handed_over_but_waits_for_no_call() -> None:
    app = Application()
    ends = OrderlyEnds(app)
    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as group:
            group.start_soon(ends, request("POST", "/call"), receives, sends)
            await anyio.wait_all_tasks_blocked()
            await ends(request("DELETE", "/"), receives, sends)
            group.start_soon(ends, request("POST", "/notification"), receives, sends)
            await anyio.wait_all_tasks_blocked()
            group.start_soon(ends, request("DELETE", "/again"), receives, sends)
            await anyio.wait_all_tasks_blocked()
            await ends(request("DELETE", "/", "s2"), receives, sends)
            assert app.ended == ["DELETE /", "DELETE /"]
            app.takes.set()
    assert app.ended[-1] == "DELETE /again"
    assert sorted(app.ended[2:4]) == ["POST /call", "POST /notification"]
