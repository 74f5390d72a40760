"""An id for every HTTP request: the one that a proxy sent (``X-Request-Id``), or a new one."""

# Tested through tests/e2e/test_watching.py.

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders

from proxmox_mcp.server import request_id

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


class RequestIds:
    """Sets the request id of the context, and sends it back in the response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        chosen = request_id.begin(Headers(scope=scope).get(request_id.HEADER, ""))

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[request_id.HEADER] = chosen
            await send(message)

        await self._app(scope, receive, sending)
