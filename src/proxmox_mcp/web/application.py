"""The console as an ASGI application: its pages and forms below ``/console/``, and its static files."""

from __future__ import annotations

import logging
import mimetypes
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from proxmox_mcp.server.request_id import known_id
from proxmox_mcp.web.front import front, method_not_allowed, not_found
from proxmox_mcp.web.pages import (
    activity,
    approvals,
    callers,
    changes,
    connect,
    events,
    grants,
    overview,
    signing_in,
    stopping,
    tasks,
)
from proxmox_mcp.web.rendering import STATIC
from proxmox_mcp.web.roles import Role
from proxmox_mcp.web.security import SecurityHeaders
from proxmox_mcp.web.visit import base_of, form, page, part, plain_page

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Receive, Scope, Send

    from proxmox_mcp.web.console import Console

_LOG = logging.getLogger("proxmox_mcp.web")
CONSOLE = "/console"
_FILES = frozenset({"style.css", "console.js", "icon.svg"})
_FOREVER = "public, max-age=31536000, immutable"


def make_console(console: Console) -> ASGIApp:
    """The application for ``/console`` and all below it."""
    app = Starlette(
        routes=[
            Route("/", _to_console),
            Route(CONSOLE, _to_console),
            _get("/", page(overview.overview)),
            _get("/approvals", page(approvals.approvals)),
            _get("/approvals/{number:int}", page(approvals.approval)),
            _post("/approvals/{number:int}", form(approvals.decide)),
            _post("/approvals/{number:int}/allow", form(grants.allow)),
            _post("/grants/{number:int}/revoke", form(grants.revoke)),
            _get("/activity", page(activity.activity)),
            _get("/activity/live", part(activity.live)),
            _get("/tasks/{cluster}/{upid}", page(tasks.task)),
            _get("/changes", page(changes.changes)),
            _get("/changes/{number:int}", page(changes.change)),
            _post("/undo", form(changes.undo)),
            _get("/callers", page(callers.callers)),
            _post("/callers/make", form(callers.make, Role.ADMIN)),
            _post("/callers/rotate", form(callers.rotate, Role.ADMIN)),
            _post("/callers/revoke", form(callers.revoke, Role.ADMIN)),
            _post("/callers/remove", form(callers.remove, Role.ADMIN)),
            _post("/stop", form(stopping.stop)),
            _post("/stop-plan", form(stopping.stop_plan)),
            _post("/freeze", form(stopping.freeze)),
            _post("/unfreeze", form(stopping.unfreeze)),
            _get("/connect", page(connect.connect)),
            _post("/connect/check", form(connect.check)),
            _get("/account", page(signing_in.account)),
            _get("/events", events.events),
            _get("/sign-in", signing_in.sign_in),
            _post("/sign-in", signing_in.redeem),
            _post("/sign-out", form(signing_in.sign_out, Role.VIEWER)),
            _get("/static/{name}", _static),
        ],
        exception_handlers={404: _refused, 405: _refused, Exception: _failed},
    )
    app.router.redirect_slashes = False
    app.state.console = console
    return SecurityHeaders(app)


class FrontPages:
    """``/`` and the answer to paths that nobody serves: for people and programs who don't know this server yet."""

    def __init__(self, *, healthy: Callable[[], bool], console: bool, asks_token: bool) -> None:
        """``console``: whether it is served below this very address."""
        self._healthy, self._console, self._asks_token = healthy, console, asks_token
        self.front = SecurityHeaders(partial(_respond, self._front))
        self.not_found = SecurityHeaders(partial(_respond, not_found))

    def _front(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            return method_not_allowed(request, "GET, HEAD")
        return front(request, healthy=self._healthy(), console=self._console, asks_token=self._asks_token)


async def _respond(answer: Callable[[Request], Response], scope: Scope, receive: Receive, send: Send) -> None:
    await answer(Request(scope, receive))(scope, receive, send)


def _get(path: str, endpoint: Any) -> Route:
    return Route(f"{CONSOLE}{path}", endpoint, methods=["GET"])


def _post(path: str, endpoint: Any) -> Route:
    return Route(f"{CONSOLE}{path}", endpoint, methods=["POST"])


def _to_console(request: Request) -> Response:
    return RedirectResponse(base_of(request), 307)


def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _FILES:
        return PlainTextResponse("Not Found", 404)
    kind = mimetypes.types_map.get(f".{name.rpartition('.')[2]}", "application/octet-stream")
    return Response((STATIC / name).read_bytes(), media_type=kind, headers={"Cache-Control": _FOREVER})


def _refused(request: Request, error: Any) -> Response:
    """A path or a method that the console doesn't have."""
    if error.status_code == 405:
        return method_not_allowed(request, (error.headers or {}).get("Allow", "GET"))
    return not_found(request)


def _failed(request: Request, error: Exception) -> Response:
    """An error in this program: the log has the details, the page has the id to find them."""
    _LOG.error("the page %s failed", request.url.path, exc_info=error)
    said = f"Internal error (request {known_id() or 'without an id'})."
    return plain_page(request, "problem.html", 500, title="Error", said=said, advice="The log of the server says more.")
