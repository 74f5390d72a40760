"""One request of a person who is signed in: who it is, what every page shows, and how a page is answered."""

# Tested through tests/web/test_security.py, tests/web/pages/test_signing_in.py and tests/web/pages/test_stopping.py.

from __future__ import annotations

import logging
import time
from functools import wraps
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from msgspec import Struct
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response

from proxmox_mcp import __version__
from proxmox_mcp.errors import (
    ConfirmationError,
    DeniedError,
    PermissionDeniedError,
    ProxmoxMcpError,
    RateLimitError,
    StoreError,
)
from proxmox_mcp.web import cookies
from proxmox_mcp.web.marks import marks
from proxmox_mcp.web.rendering import render
from proxmox_mcp.web.roles import Role
from proxmox_mcp.web.security import FormRefusedError, Origin, read_form, require_form_token, require_same_origin

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from starlette.requests import Request

    from proxmox_mcp.confirm.freezes import Freeze
    from proxmox_mcp.confirm.grants import Grant
    from proxmox_mcp.web.console import Console
    from proxmox_mcp.web.sessions import ConsoleSession

    Handler = Callable[["Visit"], Awaitable[Response]]
    Endpoint = Callable[[Request], Awaitable[Response]]

_LOG = logging.getLogger("proxmox_mcp.web")
_LONGEST_PATH = 500
_LARGEST_NUMBER = 2**53
_MOST_DIGITS = 15
"""Of a number that every store can hold."""
_NAVIGATION = frozenset({"approvals", "activity", "changes", "callers", "connect", "account"})
_STATUS: tuple[tuple[type[ProxmoxMcpError], int], ...] = (
    (StoreError, 503),
    (ConfirmationError, 409),
    (DeniedError, 403),
    (PermissionDeniedError, 403),
    (RateLimitError, 429),
)


class Shell(Struct, frozen=True):
    """What every page shows around its content. ``seen``: the marks from before the content was read (``live``)."""

    seen: Mapping[str, str]
    waiting: int = 0
    freeze: Freeze | None = None
    grants: Sequence[Grant] = ()


class Visit(Struct, frozen=True):
    """A request with its session. ``fields`` are those of a form, empty for a page that is only read."""

    request: Request
    console: Console
    session: ConsoleSession
    shell: Shell
    fields: Mapping[str, str]

    @property
    def name(self) -> str:
        """The person's name."""
        return self.session.person.name

    @property
    def number(self) -> int:
        """The number in the path. Raises HTTPException if no store can hold it."""
        number = int(self.request.path_params["number"])
        if number > _LARGEST_NUMBER:
            raise HTTPException(404)
        return number

    def may(self, role: Role) -> bool:
        return self.session.person.role.may(role)

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        """A page for this person."""
        return HTMLResponse(render(template, **_frame(self.request), **self._own(), **values), status)

    def to(self, path: str) -> Response:
        """After a form was carried out: on to a page (below ``/console/``), which a reload doesn't send again."""
        return RedirectResponse(f"{base_of(self.request)}{path}", 303)

    def back(self) -> Response:
        """After a form that is on every page was carried out: to the page of the navigation that it was sent from."""
        given = self.fields.get("back", "")
        return self.to(given if given in _NAVIGATION else "")

    def _own(self) -> dict[str, Any]:
        return {
            "person": self.session.person,
            "form_token": self.session.form_token,
            "shell": self.shell,
            "is_operator": self.may(Role.OPERATOR),
            "is_admin": self.may(Role.ADMIN),
        }


def base_of(request: Request) -> str:
    """The path of the console as the browser sees it, with a slash at the end."""
    return f"{request.scope.get('root_path', '')}/console/"


def whole(text: str, most_digits: int = _MOST_DIGITS) -> int | None:
    """A whole number that somebody typed or a form has; None for anything else, and for one that is too long."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= most_digits else None


def plain_page(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """A page for somebody who need not be signed in."""
    return HTMLResponse(render(template, **_frame(request), person=None, **values), status)


def unavailable(request: Request, error: StoreError) -> Response:
    """The page for everybody while the store can't be used."""
    return plain_page(request, "problem.html", 503, title="Unavailable", said=error.message, advice=error.advice)


def _frame(request: Request) -> dict[str, Any]:
    return {"base": base_of(request), "version": __version__, "here": str(request.scope["path"])}


def page(handler: Handler, role: Role = Role.VIEWER) -> Endpoint:
    """The endpoint of a page: for people who are signed in with a role; others are asked to sign in."""

    @wraps(handler)
    async def endpoint(request: Request) -> Response:
        return await _answered(request, handler, role, sends_form=False)

    return endpoint


def part(handler: Handler) -> Endpoint:
    """The endpoint of parts of a page, which an open page fetches alone when they have changed.

    What surrounds the content is neither read nor sent: it has subjects of its own (``live``).
    """

    @wraps(handler)
    async def endpoint(request: Request) -> Response:
        return await _answered(request, handler, Role.VIEWER, sends_form=False, is_part=True)

    return endpoint


def form(handler: Handler, role: Role = Role.OPERATOR) -> Endpoint:
    """The endpoint of a form: as ``page``, and the form must come from a page of this console and this session."""

    @wraps(handler)
    async def endpoint(request: Request) -> Response:
        return await _answered(request, handler, role, sends_form=True)

    return endpoint


async def _answered(
    request: Request, handler: Handler, role: Role, *, sends_form: bool, is_part: bool = False
) -> Response:
    console: Console = request.app.state.console
    try:
        if sends_form:
            require_same_origin(request, console.public)
        session, seen = await console.store.in_thread(_session_and_marks, request)
        if session is None:
            return _ask_to_sign_in(request, sends_form=sends_form)
        fields = await read_form(request) if sends_form else {}
        if sends_form:
            require_form_token(fields.get("form_token", ""), session.form_token)
        shell = Shell(seen) if is_part else await _shell(console, seen)
        visit = Visit(request, console, session, shell, fields)
        if not visit.may(role):
            said = f"This needs the role {role}; you are signed in as {session.person.role}."
            return visit.page("problem.html", 403, title="Not allowed", said=said, advice="Nothing was done.")
        try:
            return await handler(visit)
        except ProxmoxMcpError as error:
            return visit.page(
                "problem.html", status_of(error), title="Not done", said=error.message, advice=error.advice
            )
    except FormRefusedError as refused:
        return plain_page(request, "problem.html", refused.status, title="Refused", said=refused.reason, advice="")
    except StoreError as error:
        _LOG.error("%s", error.message)
        return unavailable(request, error)


def status_of(error: ProxmoxMcpError) -> int:
    """The HTTP status of a page that tells an error."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 400)


async def find_session(request: Request) -> ConsoleSession | None:
    """The session of a request: only at the place where it was opened, and by the kind of cookie that it got there."""
    console: Console = request.app.state.console
    return await console.store.in_thread(_session_of, request)


def _session_and_marks(request: Request) -> tuple[ConsoleSession | None, Mapping[str, str]]:
    """Who asks, and the marks from before anything else is read: both in one turn of a thread."""
    session = _session_of(request)
    return session, marks(request.app.state.console.store) if session is not None else {}


def _session_of(request: Request) -> ConsoleSession | None:
    console: Console = request.app.state.console
    host = request.headers.get("host", "")
    for token, secure in cookies.session_cookies(request):
        session = console.sessions.find(token)
        if session is not None and session.origin == str(Origin.of("https" if secure else "http", host)):
            return session
    return None


async def _shell(console: Console, seen: Mapping[str, str]) -> Shell:
    """What surrounds the content: shared by all pages of the same second, and made again after each change."""
    # The second is part of it because requests, grants and freezes also end when their time is over.
    mark = (*seen.values(), int(time.time()))
    return await console.shells.get("all", mark, lambda: console.store.in_thread(_shell_of, console, seen))


def _shell_of(console: Console, seen: Mapping[str, str]) -> Shell:
    return Shell(
        seen,
        waiting=console.approvals.count_pending(),
        freeze=console.freezes.current(),
        grants=console.grants.active(),
    )


def _ask_to_sign_in(request: Request, *, sends_form: bool) -> Response:
    where = f"{base_of(request)}sign-in"
    if sends_form or request.method != "GET":
        return RedirectResponse(where, 303)
    inside = str(request.scope["path"]).removeprefix(base_of(request))
    query = f"?{request.scope['query_string'].decode()}" if request.scope["query_string"] else ""
    return RedirectResponse(f"{where}?next={quote(inside + query)}" if inside else where, 303)


def back_to(request: Request, given: str) -> str:
    """Where to go after signing in: a page of this console; what isn't one counts as the first page.

    ``given`` is a path below ``/console/``. A browser would read ``//host`` or ``/\\host`` as another host.
    """
    inside = (
        given if given.isascii() and given.isprintable() and "\\" not in given and len(given) < _LONGEST_PATH else ""
    )
    return base_of(request) + inside.lstrip("/")
