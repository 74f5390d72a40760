"""Reading a node's response: the ``data`` of a success, the message of a refusal, or neither.

A success is ``{"data": ...}``, a refusal ``{"data": null, "message": ..., "errors": {parameter: message}}`` with the
message in the reason phrase too (PVE::APIServer::Formatter::Standard). Anything else is not a response of the API.
"""

from __future__ import annotations

import http
import json
from typing import TYPE_CHECKING, Any, NoReturn

from msgspec import Struct, field

from proxmox_mcp.bounds import depth_is_beyond
from proxmox_mcp.errors import AnswerError
from proxmox_mcp.untrusted import flat

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.net.client import HttpResponse

PROXY_STATUS = range(595, 600)
"""AnyEvent::HTTP's own: pveproxy could not reach the node, or its own daemon."""
NO_CONNECTION = 595
"""Of these, the one for a connection that was not made: nothing was sent on."""

_NO_API = (
    "Check PROXMOX_HOST and the port: Proxmox VE's API answers on 8006, and a proxy before it must pass /api2/json."
)
_UNKNOWN_OUTCOME = "The call may have taken effect: check before you repeat it."


DEEPEST = 64
"""Levels of nesting. Python's recursion limit is reached at about 300, and a guest's agent may send any number."""
_MOST_ERRORS, _LONGEST_NAME = 50, 200
_LONGEST_FAULT, _LONGEST_MESSAGE = 1_000, 4_000
"""Characters of what a node says of one parameter, and of a call."""


class Answer(Struct, frozen=True):
    """A success: ``data`` as JSON gave it, and the ``total`` that some lists and logs have beside it.

    ``pending``: the interfaces of a node have changes that are not in force (their ``changes`` as a diff).
    """

    data: Any
    total: int | None = None
    pending: bool = False


class Refusal(Struct, frozen=True):
    """Proxmox's own message; ``errors`` has the faults by parameter."""

    status: int
    message: str
    errors: Mapping[str, str] = field(default_factory=dict)


def read(reply: HttpResponse, *, writes: bool = False) -> Answer | Refusal:
    """A node's answer; ``writes``: the call may change something. Raises ``AnswerError`` if it isn't one of the API."""
    if 200 <= reply.status < 300:
        return _success(reply, writes)
    if reply.status >= 400:
        return _refusal(reply, writes)
    raise _redirected(reply)


def _success(reply: HttpResponse, writes: bool) -> Answer:
    content = _parse(reply)
    if not isinstance(content, dict) or "data" not in content:
        raise AnswerError(
            f"The node answered {reply.status}, but with {_kind(reply, content)} instead of a response of the API.",
            f"{_NO_API} {_UNKNOWN_OUTCOME}" if writes else _NO_API,
            status=reply.status,
            sent=True,
        )
    total = content.get("total")
    return Answer(content["data"], total if isinstance(total, int) else None, pending=bool(content.get("changes")))


def _refusal(reply: HttpResponse, writes: bool) -> Refusal:
    content = _parse(reply)
    if not isinstance(content, dict):
        if reply.body.strip() and reply.status not in PROXY_STATUS:
            kind = _kind(reply, content)
            raise AnswerError(
                f"{kind[0].upper()}{kind[1:]} came with status {reply.status} instead of a response of the API.",
                f"{_NO_API} {_UNKNOWN_OUTCOME}" if writes and reply.status >= 500 else _NO_API,
                status=reply.status,
                sent=reply.status >= 500,
            )
        content = {}
    return Refusal(reply.status, _message(reply, content), _errors(content))


def _message(reply: HttpResponse, content: Mapping[str, Any]) -> str:
    """The body's message if it is longer than the reason phrase, which is one line and loses its encoding."""
    said = content.get("message")
    message = _short(mend(said[:_LONGEST_MESSAGE])) if isinstance(said, str) else ""
    reason = _short(_decoded(reply.reason))
    if len(message) >= len(reason):
        return message or _phrase(reply.status)
    return reason


def _errors(content: Mapping[str, Any]) -> dict[str, str]:
    errors = content.get("errors")
    if not isinstance(errors, dict):
        return {}
    kept = list(errors.items())[:_MOST_ERRORS]
    return {_short(mend(name[:_LONGEST_NAME])): _short(_text_of(text)) for name, text in kept}


def _text_of(said: Any) -> str:
    return str(mend(said[:_LONGEST_FAULT])) if isinstance(said, str) else repr(said)[:_LONGEST_FAULT]


def _short(text: str) -> str:
    """On one line, and cut: values that Proxmox repeats in its message may be long."""
    return flat(text[:_LONGEST_MESSAGE])


def _phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return f"status {status}"


def _decoded(reason: str) -> str:
    try:
        return reason.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return reason


def _redirected(reply: HttpResponse) -> AnswerError:
    where = reply.headers.get("location", "")
    return AnswerError(
        f"The node answered {reply.status}"
        + (", a redirect, which is not followed." if where else ", which the API never does."),
        "A proxy answers instead of Proxmox: set PROXMOX_HOST to the node itself, port 8006.",
        status=reply.status,
        sent=True,
    )


def _parse(reply: HttpResponse) -> Any:
    """The JSON of a body, None if it is not JSON. Raises AnswerError if it is nested too deep to process."""
    try:
        content = json.loads(reply.body.decode("utf-8"), parse_constant=_not_json)
    except (ValueError, RecursionError):
        return None
    if depth_is_beyond(content, DEEPEST):
        raise AnswerError(
            f"The answer is nested deeper than {DEEPEST} levels and was not read.",
            f"No endpoint of Proxmox nests so deep; a guest's agent may. {_UNKNOWN_OUTCOME}",
            status=reply.status,
            sent=True,
        )
    escapes = b"\\" in reply.body and (b"\\ud" in reply.body or b"\\uD" in reply.body)
    return mend(content) if escapes else content


def _not_json(constant: str) -> NoReturn:
    raise ValueError(constant)


def _kind(reply: HttpResponse, content: Any) -> str:
    if content is not None:
        return "other JSON"
    start = reply.body.lstrip()[:15].lower()
    if reply.content_type == "text/html" or start.startswith((b"<!doctype", b"<html")):
        return "a web page"
    return "something that is not JSON" if reply.body.strip() else "nothing"


def mend(value: Any) -> Any:
    """The value with half characters (lone surrogates, which JSON can spell and UTF-8 can't hold) replaced."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, list):
        return [mend(item) for item in value]
    if isinstance(value, dict):
        return {mend(key): mend(item) for key, item in value.items()}
    return value
