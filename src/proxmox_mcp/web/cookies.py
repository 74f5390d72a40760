"""The cookies of the console: one for a session, one for the sign-in form.

Behind TLS they are ``Secure`` and have the prefix ``__Host-``: browsers then take them from this host only, for the
whole host, so that no neighbour (``evil.example.org`` for ``console.example.org``) can plant one. Over plain HTTP a
browser would refuse that prefix, so the name is another one, which counts only for sessions that were opened so.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

_SESSION, _VISITOR = "proxmox-mcp-console", "proxmox-mcp-visitor"
_PREFIX = "__Host-"


def session_cookies(request: Request) -> list[tuple[str, bool]]:
    """The tokens of sessions that a request brings, each with whether it came as a secure cookie; that one first."""
    return _found(request, _SESSION)


def set_session(response: Response, token: str, *, secure: bool, seconds: int) -> None:
    """Give the browser the token of its session."""
    _set(response, _SESSION, token, secure=secure, seconds=seconds)


def clear_session(response: Response) -> None:
    """Take the session's cookies away, of both names."""
    _set(response, _SESSION, "", secure=True, seconds=0)
    _set(response, _SESSION, "", secure=False, seconds=0)


def visitor(request: Request) -> str:
    """The token of a browser that is about to sign in, empty if it has none yet."""
    found = _found(request, _VISITOR)
    return found[0][0] if found else ""


def set_visitor(response: Response, *, secure: bool, token: str) -> None:
    """Mark a browser that sees the sign-in form: what it sends back must come from that form."""
    _set(response, _VISITOR, token, secure=secure, seconds=3600)


def new_visitor() -> str:
    return secrets.token_urlsafe(32)


def _found(request: Request, name: str) -> list[tuple[str, bool]]:
    names = ((f"{_PREFIX}{name}", True), (name, False))
    return [(request.cookies[each], secure) for each, secure in names if request.cookies.get(each)]


def _set(response: Response, name: str, token: str, *, secure: bool, seconds: int) -> None:
    response.set_cookie(
        f"{_PREFIX}{name}" if secure else name,
        token,
        max_age=seconds,
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )
