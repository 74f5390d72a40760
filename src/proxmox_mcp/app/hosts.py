"""Checks Host and Origin, on all routes except the open health checks: protection against DNS rebinding.

A browser that a web page directs to this server by DNS rebinding sends the page's host name as Host and its origin as
Origin.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

from proxmox_mcp.app.routes import is_open

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_LOG = logging.getLogger("proxmox_mcp.app")
_LONGEST_SHOWN = 100
_POLICY_VIOLATION = 1008


def is_loopback(host: str) -> bool:
    """Whether a host, with its port or without, is this machine's name for itself."""
    return _without_port(_normal_host(host)) in LOOPBACK


class HostGuard:
    """Passes requests whose Host (and Origin, if present) is allowed; refuses the others with a one-line reason.

    ``hosts`` and ``origins`` are the values of ``MCP_ALLOWED_HOSTS`` and ``MCP_ALLOWED_ORIGINS``; without hosts only
    loopback names are allowed. A name without a port allows any port. Websockets are closed: no route uses them.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str], origins: Iterable[str]) -> None:
        self._app = app
        self._hosts = tuple(dict.fromkeys(map(_normal_host, hosts))) or LOOPBACK
        self._origins = tuple(dict.fromkeys(map(normal_origin, origins)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
            return
        if scope["type"] != "http" or is_open(scope):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(headers.get("host", ""), headers.get("origin", ""), is_preflight(scope, headers))
        if refusal is None:
            await self._app(scope, receive, send)
            return
        _LOG.warning("%s", bytes(refusal.body).decode())
        await refusal(scope, receive, send)

    def _refusal(self, host: str, origin: str, preflight: bool) -> PlainTextResponse | None:
        """``preflight``: only configured origins count. Pages of this server's own hosts send none."""
        if not self.allows_host(host):
            name = _printable(_without_port(_normal_host(host)), "the-name-that-clients-use")
            said = f"Invalid Host header: {_printable(host)}."
            return PlainTextResponse(f"{said} {_how_to_allow('MCP_ALLOWED_HOSTS', self._hosts, name)}", 421)
        if origin and not (normal_origin(origin) in self._origins if preflight else self.allows_origin(origin)):
            said = f"Invalid Origin header: {_printable(origin)}."
            how = _how_to_allow("MCP_ALLOWED_ORIGINS", self._origins, _printable(normal_origin(origin)))
            return PlainTextResponse(f"{said} {how}", 403)
        return None

    def allows_host(self, host: str) -> bool:
        """Whether a Host header is allowed, with its port or without."""
        host = _normal_host(host)
        return bool(host) and (host in self._hosts or _without_port(host) in self._hosts or "*" in self._hosts)

    def allows_origin(self, origin: str) -> bool:
        """Whether an Origin header is allowed: it is configured, or its host is an allowed host."""
        origin = normal_origin(origin)
        if origin in self._origins:
            return True
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        return parts.scheme in ("http", "https") and self.allows_host(parts.netloc)


def normal_origin(text: str) -> str:
    """An origin as browsers write it: lower case, no slash at the end, no default port."""
    text = text.strip().rstrip("/").lower()
    for scheme, port in (("https://", ":443"), ("http://", ":80")):
        if text.startswith(scheme):
            return text.removesuffix(port)
    return text


def is_preflight(scope: Scope, headers: Headers) -> bool:
    """Whether this is a CORS preflight request, which never carries a token."""
    return scope["method"] == "OPTIONS" and "access-control-request-method" in headers


def _how_to_allow(variable: str, allowed: tuple[str, ...], name: str) -> str:
    """The setting with ``name`` added to what is allowed already."""
    if not allowed:
        return f"To allow it, set {variable}={name}"
    return f"Allowed: {', '.join(allowed)}. To allow it too, set {variable}={','.join((*allowed, name))}"


def _normal_host(text: str) -> str:
    text = text.strip().lower()
    text = text.removesuffix(":*")
    if text.count(":") > 1 and not text.startswith("["):
        text = f"[{text}]"
    return text.removesuffix(".")


def _without_port(host: str) -> str:
    """The name without its port, and without a dot at the end."""
    head, _, port = host.rpartition(":")
    return (head if head and port.isdecimal() and not head.endswith(":") else host).removesuffix(".")


def _printable(text: str, instead: str = "(none)") -> str:
    return "".join(c for c in text[:_LONGEST_SHOWN] if c.isprintable()) or instead
