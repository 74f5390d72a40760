"""Diagnoses responses of a proxy, or of the server behind it: what is wrong for a client, and what to set."""

# Tested through tests/doctor/test_client_view.py and tests/doctor/test_client_only.py.

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from msgspec import Struct

from proxmox_mcp.app.hosts import HostGuard
from proxmox_mcp.doctor.steps import Fix

if TYPE_CHECKING:
    from proxmox_mcp.doctor.client_url import ClientUrl
    from proxmox_mcp.doctor.http import HttpAnswer
    from proxmox_mcp.settings import ServerSettings

_TITLE = re.compile(r"<title>\s*([^<]{1,80})", re.IGNORECASE)
UNBUFFERED = (
    Fix(
        "Turn off buffering in nginx, in the location of this server:",
        (
            "proxy_http_version 1.1;",
            'proxy_set_header Connection "";',
            "proxy_buffering off;",
            "gzip off;",
            "proxy_read_timeout 1h;",
        ),
    ),
    Fix(
        "Caddy, in reverse_proxy: flush_interval -1. Traefik buffers only with a middleware (compress, buffering): "
        "remove it from the router."
    ),
)
_RUNS_THERE = Fix(
    "Check that the server is running (`docker ps`, `systemctl status`), and that the proxy's upstream is its address "
    "and port (MCP_PORT), over http."
)


class Diagnosis(Struct, frozen=True):
    """What a response means, and how to fix it."""

    found: str
    fixes: tuple[Fix, ...]


def diagnose(
    answer: HttpAnswer, body: str, target: ClientUrl, server: ServerSettings, *, with_token: bool
) -> Diagnosis:
    """Why a response is not the one that a client needs. ``with_token``: the request carried MCP_AUTH_TOKEN."""
    status, path = answer.status, target.address.path
    if status == 421:
        return _host(target, server)
    if status == 401:
        return _unauthorized(answer, target, server, with_token=with_token)
    if status == 403 and "origin" in body.lower():
        return Diagnosis(
            "403: the Origin header is not allowed.",
            (Fix("Allow the origin of the page that calls:", (f"MCP_ALLOWED_ORIGINS={target.address.origin}",)),),
        )
    if 300 <= status < 400:
        return _redirected(answer, target)
    if status in (502, 503, 504):
        return Diagnosis(f"{status}: the proxy can't reach the server behind it.", (_RUNS_THERE,))
    if status in (404, 405):
        return Diagnosis(f"{status} for {path}: the path does not lead to this server.", (_path(target),))
    if answer.content_type == "text/html":
        return Diagnosis(f"{_page(body)} with status {status}: another web server answers there.", (_path(target),))
    if status == 413:
        return Diagnosis("413: the proxy refuses bodies of this size.", (Fix("nginx:", ("client_max_body_size 2m;",)),))
    said = f": {_printable(body)[:120]}" if body.strip() else ""
    return Diagnosis(f"{status} {answer.reason}{said}", (_path(target),))


def _host(target: ClientUrl, server: ServerSettings) -> Diagnosis:
    name = target.address.host
    if target.client_only:
        return Diagnosis(
            f"421 Invalid Host header: the server does not allow the name {name}.",
            (
                Fix(
                    "Ask the operator of the server to allow this name, and to restart it:",
                    (f"MCP_ALLOWED_HOSTS={name}",),
                ),
            ),
        )
    if HostGuard(_nothing, server.mcp_allowed_hosts, ()).allows_host(target.address.netloc):
        return Diagnosis(
            f"421 Invalid Host header, although {name} is allowed by these settings.",
            (
                Fix(
                    "The proxy replaces the name in the Host header. nginx:",
                    ("proxy_set_header Host $http_host;",),
                ),
                Fix("Or restart the server: it was started with other settings."),
            ),
        )
    names = ",".join((*server.mcp_allowed_hosts, name))
    return Diagnosis(
        f"421 Invalid Host header: the server does not allow the name {name}.",
        (Fix("Set this and restart the server:", (f"MCP_ALLOWED_HOSTS={names}",)),),
    )


async def _nothing(*_: object) -> None:
    """Stands in for an application: ``HostGuard`` is only asked, never called."""


def _unauthorized(answer: HttpAnswer, target: ClientUrl, server: ServerSettings, *, with_token: bool) -> Diagnosis:
    asked = answer.headers.get("WWW-Authenticate") or ""
    if asked and not asked.lower().startswith("bearer"):
        kind = _printable(asked.partition(" ")[0])[:20]
        return Diagnosis(
            f"401: the proxy itself asks for a login ({kind}), which MCP clients don't support.",
            (Fix("Exclude the paths of this server from the login: the server checks its own token."),),
        )
    if target.client_only:
        found = "the server refuses the token in MCP_AUTH_TOKEN." if with_token else "the server asks for a token."
        whose = "Set MCP_AUTH_TOKEN to the token that the operator of the server gave you, and run this again."
        return Diagnosis(f"401: {found}", (Fix(whose),))
    if with_token:
        return Diagnosis(
            "401: the server that runs there refuses the token in MCP_AUTH_TOKEN.",
            (
                Fix("Restart the server with these settings, or set its token here: it runs with another one."),
                Fix("Or the proxy drops the Authorization header: it must pass it on."),
            ),
        )
    if server.mcp_callers_file:
        return Diagnosis(
            "401: the server asks for a token, as it should. The callers file has only digests.",
            (Fix("To check more, run the doctor with the token of a caller:", ("MCP_AUTH_TOKEN=...",)),),
        )
    return Diagnosis(
        "401: the server asks for a token, and MCP_AUTH_TOKEN is not set here.",
        (Fix("Run the doctor with the settings that the server runs with."),),
    )


def _redirected(answer: HttpAnswer, target: ClientUrl) -> Diagnosis:
    where = _printable(answer.headers.get("Location") or "")[:120]
    if target.address.scheme == "http" and where.startswith(f"https://{target.address.host}/"):
        return Diagnosis(
            f"{answer.status}: redirected to https; clients don't follow redirects with their token.",
            (Fix("Give clients this address:", (f"https://{target.address.host}{target.address.path}",)),),
        )
    return Diagnosis(
        f"{answer.status}: redirected to {where or 'nowhere'}, perhaps a login page; MCP clients don't follow.",
        (Fix("Exclude the paths of this server from the login: the server checks its own token."),),
    )


def _path(target: ClientUrl) -> Fix:
    if not target.prefix:
        return Fix(f"The server should answer at {target.base}/sse and {target.base}/mcp: check the rule of the proxy.")
    return Fix(
        f"The proxy must pass {target.prefix}/ on to the server, nginx: `location {target.prefix}/ {{ proxy_pass "
        "http://127.0.0.1:8000/; }`, and the server must know the prefix:",
        (f"MCP_ROOT_PATH={target.prefix}",),
    )


def _page(body: str) -> str:
    title = _TITLE.search(body)
    return f"A web page (“{_printable(title[1])}”)" if title else "A web page"


def _printable(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
