"""What protects the console's pages: headers of every response, and what every form must prove.

A form is accepted only from a page of the very origin that it is sent to (scheme, name and port), with the token that
belongs to the session's cookie. The pages can't be framed, load nothing from other hosts, and run no script but ours.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from msgspec import Struct
from starlette.datastructures import MutableHeaders

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    # With "no-referrer" browsers send "Origin: null" with forms (Fetch, "append a request Origin header").
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
MOST_BYTES = 64 * 1024
"""Of a form."""
_MOST_FIELDS = 200
_FORM = "application/x-www-form-urlencoded"


class FormRefusedError(Exception):
    """A form that this console does not take, with the HTTP ``status`` and the reason for the person."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class SecurityHeaders:
    """Adds ``HEADERS`` to every response; pages are kept in no cache unless they say so themselves."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, sending)


class Origin(Struct, frozen=True):
    """Where a page comes from: ``https``, ``console.example.org:8443``. Without the port where it is the default."""

    scheme: str
    host: str

    @property
    def secure(self) -> bool:
        return self.scheme == "https"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}"

    @classmethod
    def parsed(cls, text: str) -> Origin | None:
        """From an ``Origin`` header or a URL; None for anything else, such as ``null``."""
        try:
            parts = urlsplit(text.strip().lower())
        except ValueError:
            return None
        if parts.scheme not in ("http", "https") or not parts.netloc or "@" in parts.netloc:
            return None
        return cls.of(parts.scheme, parts.netloc)

    @classmethod
    def of(cls, scheme: str, host: str) -> Origin:
        """From a scheme and a ``Host`` header."""
        return cls(scheme, host.lower().removesuffix(":443" if scheme == "https" else ":80"))


def require_same_origin(request: Request, public: Origin | None) -> Origin:
    """The origin of a form: that of this console, or FormRefusedError.

    ``public``: the address that people use, from the settings; the proxy in front may have changed the scheme.
    """
    origin = Origin.parsed(request.headers.get("origin", ""))
    host = request.headers.get("host", "")
    fits = origin is not None and origin == Origin.of(origin.scheme, host)
    if fits and public is not None and origin is not None and origin.host == public.host:
        fits = origin == public
    if not fits or origin is None or request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise FormRefusedError(
            403,
            "This form did not come from this console, so nothing was done. If a reverse proxy is in front, it must "
            "pass on the Host header with the port (nginx: proxy_set_header Host $http_host).",
        )
    return origin


def require_form_token(given: str, expected: str) -> None:
    """Raises FormRefusedError unless the form has the token of its session."""
    if not expected or not hmac.compare_digest(given.encode(), expected.encode()):
        raise FormRefusedError(403, "This form is out of date, so nothing was done. Reload the page and try again.")


async def read_form(request: Request) -> Mapping[str, str]:
    """The fields of a form; of a repeated field all values, separated by commas. Raises FormRefusedError."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise FormRefusedError(415, "This is not a form.")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise FormRefusedError(413, "This form is too long.")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise FormRefusedError(400, "This form can't be read.") from None
    fields: dict[str, str] = {}
    for name, value in pairs:
        text = value.replace("\r\n", "\n")
        fields[name] = f"{fields[name]},{text}" if name in fields else text
    return fields
