"""One HTTP request to an ASGI application in the same process, as raw as a server would hand it on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio

from patience import PATIENCE

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message

Headers = list[tuple[bytes, bytes]]


@dataclass
class Reply:
    """``status`` is 0 where nothing was answered before the client left."""

    status: int = 0
    headers: Headers = field(default_factory=list)
    body: bytes = b""


async def ask(
    app: ASGIApp,
    method: str,
    path: str,
    headers: Headers,
    body: bytes = b"",
    query: bytes = b"",
    stay: float = 0.15,
    **more: Any,
) -> Reply:
    """Send a request; the client leaves when a stream has brought something, or so long after the answer began.

    ``more``: what else the scope has, or has in place of the usual.
    """
    reply, began, left = Reply(), anyio.Event(), anyio.Event()
    parts = [body[: len(body) // 2], body[len(body) // 2 :]]

    async def receive() -> Message:
        if parts:
            return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            reply.status, reply.headers = message["status"], list(message["headers"])
            began.set()
        elif message["type"] == "http.response.body":
            reply.body += message.get("body", b"")
            if reply.body and message.get("more_body"):
                left.set()

    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode("utf-8", "surrogatepass"),
        "query_string": query,
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 40000),
        "server": ("127.0.0.1", 8000),
        "state": {},
        **more,
    }

    async def leave() -> None:
        with anyio.move_on_after(PATIENCE):
            await began.wait()
        await anyio.sleep(stay)
        left.set()

    async with anyio.create_task_group() as group:
        group.start_soon(leave)
        await app(scope, receive, send)
        group.cancel_scope.cancel()
    return reply
