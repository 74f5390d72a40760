"""What the server shows to strangers: what this is, whether it is healthy, how to connect; no facts of the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response

from proxmox_mcp import __version__
from proxmox_mcp.web.addresses import address_of
from proxmox_mcp.web.visit import plain_page

if TYPE_CHECKING:
    from starlette.requests import Request


def wants_page(request: Request) -> bool:
    """Whether a browser asks, rather than a program."""
    return request.method in ("GET", "HEAD") and "text/html" in request.headers.get("accept", "")


def front(request: Request, *, healthy: bool, console: bool, asks_token: bool) -> Response:
    """``/``. ``console``: whether it is below this address."""
    address = address_of(request, None)
    if not wants_page(request):
        told = {"name": "proxmox-mcp", "version": __version__, "ready": healthy, "mcp": f"{address}/mcp"}
        return JSONResponse(told | ({"console": f"{address}/console/"} if console else {}))
    return plain_page(request, "front.html", healthy=healthy, console=console, mcp=address, asks_token=asks_token)


def not_found(request: Request) -> Response:
    """An unknown path: a page for browsers, JSON for programs."""
    if wants_page(request):
        advice = "Check the address."
        return plain_page(request, "problem.html", 404, title="Not found", said="There is no such page.", advice=advice)
    return JSONResponse({"error": "Not found", "paths": ["/", "/mcp", "/sse", "/livez", "/readyz"]}, 404)


def method_not_allowed(request: Request, allowed: str) -> Response:
    """A known path with another method."""
    if wants_page(request):
        said = f"This address does not take {request.method}."
        return plain_page(request, "problem.html", 405, title="Not possible", said=said, advice="Go back.")
    return JSONResponse({"error": "Method not allowed"}, 405, {"Allow": allowed})
