"""The address of this server as a browser or a client sees it, for links and texts to copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import Request

    from proxmox_mcp.web.console import Console
    from proxmox_mcp.web.security import Origin


def address_of(request: Request, public: Origin | None) -> str:
    """Scheme, host and the path prefix: ``https://pve.example.org/proxmox``. Host was checked before."""
    host = request.headers.get("host", "")
    return f"{scheme_of(request, public)}://{host}{request.scope.get('root_path', '')}"


def mcp_address(request: Request, console: Console) -> str:
    """Where MCP clients connect, without ``/mcp``; empty if this server serves none."""
    return address_of(request, console.public) if console.mcp is None else console.mcp


def scheme_of(request: Request, public: Origin | None) -> str:
    """The scheme that the browser speaks, as far as a GET tells: for texts, and for the cookie of the sign-in form.

    A proxy says it in X-Forwarded-Proto. Anybody could: nothing that protects a session may depend on it.
    """
    if public is not None and request.headers.get("host", "").lower() == public.host:
        return public.scheme
    forwarded = request.headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
    return "https" if "https" in (request.url.scheme, forwarded) else "http"
