"""Host and Origin, checked on every route but those that give nothing away: what keeps other people's web pages out.

A browser that is talked into calling us (DNS rebinding) sends its own page's name as Host, and its page as Origin.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

from proxmox_mcp.app.paths import is_open

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_LOG = logging.getLogger("proxmox_mcp.app")
_LONGEST_SHOWN = 100
_POLICY_VIOLATION = 1008


class HostGuard:
    """Passes requests whose Host (and Origin, where there is one) is allowed; answers the others in a line.

    ``hosts`` and ``origins`` as ``MCP_ALLOWED_HOSTS`` and ``MCP_ALLOWED_ORIGINS`` give them; no hosts means loopback
    names. A bare name also means that name with any port. Websockets are closed: there is nothing for them here.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str], origins: Iterable[str]) -> None:
        self._app = app
        self._hosts = tuple(dict.fromkeys(map(_host, hosts))) or LOOPBACK
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
        """``preflight``: only the origins that are named may call from a page; pages of our own hosts don't ask."""
        if not self.allows_host(host):
            name = _shown(_bare(_host(host)), "the-name-that-clients-use")
            said = f"Invalid Host header: {_shown(host)}."
            return PlainTextResponse(f"{said} {_how_to_allow('MCP_ALLOWED_HOSTS', self._hosts, name)}", 421)
        if origin and not (normal_origin(origin) in self._origins if preflight else self.allows_origin(origin)):
            said = f"Invalid Origin header: {_shown(origin)}."
            how = _how_to_allow("MCP_ALLOWED_ORIGINS", self._origins, _shown(normal_origin(origin)))
            return PlainTextResponse(f"{said} {how}", 403)
        return None

    def allows_host(self, host: str) -> bool:
        """Whether a Host header is allowed, with its port or by its bare name."""
        host = _host(host)
        return bool(host) and (host in self._hosts or _bare(host) in self._hosts or "*" in self._hosts)

    def allows_origin(self, origin: str) -> bool:
        """Whether an Origin header is allowed: by name, or since it is one of the allowed hosts over any scheme."""
        origin = normal_origin(origin)
        if origin in self._origins:
            return True
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        return parts.scheme in ("http", "https") and self.allows_host(parts.netloc)


def normal_origin(text: str) -> str:
    """An origin as browsers write it: in lower case, without a slash at its end or the port that its scheme implies."""
    text = text.strip().rstrip("/").lower()
    for scheme, port in (("https://", ":443"), ("http://", ":80")):
        if text.startswith(scheme):
            return text.removesuffix(port)
    return text


def is_preflight(scope: Scope, headers: Headers) -> bool:
    """Whether a browser asks if a page may call; such a request never carries a token."""
    return scope["method"] == "OPTIONS" and "access-control-request-method" in headers


def _how_to_allow(variable: str, allowed: tuple[str, ...], name: str) -> str:
    """The variable as it would be with one name more; those that are allowed already stay so."""
    if not allowed:
        return f"To allow it set {variable}={name}"
    return f"Allowed: {', '.join(allowed)}. To allow it too set {variable}={','.join((*allowed, name))}"


def _host(text: str) -> str:
    text = text.strip().lower()
    text = text.removesuffix(":*")
    if text.count(":") > 1 and not text.startswith("["):
        text = f"[{text}]"
    return text.removesuffix(".")


def _bare(host: str) -> str:
    """The name without its port, and without the dot that may end it."""
    head, _, port = host.rpartition(":")
    return (head if head and port.isdecimal() and not head.endswith(":") else host).removesuffix(".")


def _shown(text: str, instead: str = "(none)") -> str:
    return "".join(c for c in text[:_LONGEST_SHOWN] if c.isprintable()) or instead
