"""The stream of changes for an open page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse, Response, StreamingResponse

from proxmox_mcp.errors import RateLimitError, StoreError
from proxmox_mcp.web.visit import find_session

if TYPE_CHECKING:
    from starlette.requests import Request

    from proxmox_mcp.web.console import Console

_HEADERS = {"X-Accel-Buffering": "no"}
"""nginx buffers streams unless told otherwise."""


async def events(request: Request) -> Response:
    """Server-sent events, for people who are signed in. An error ends the browser's attempts (any status but 200)."""
    console: Console = request.app.state.console
    try:
        session = await find_session(request)
        if session is None:
            return PlainTextResponse("Sign in first.", 401)
        console.live.admit(session.key)
    except StoreError as error:
        return PlainTextResponse(str(error), 503)
    except RateLimitError as error:
        return PlainTextResponse(str(error), 429)
    return StreamingResponse(
        console.live.events(session.key, dict(request.query_params)), media_type="text/event-stream", headers=_HEADERS
    )
