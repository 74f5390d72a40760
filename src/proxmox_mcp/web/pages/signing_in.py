"""Signing in, by a one-time link or a password, and signing out."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from proxmox_mcp.errors import RateLimitError, StoreError
from proxmox_mcp.web import cookies
from proxmox_mcp.web.addresses import scheme_of
from proxmox_mcp.web.security import FormRefusedError, read_form, require_form_token, require_same_origin
from proxmox_mcp.web.sessions import SESSION_SECONDS, form_token
from proxmox_mcp.web.visit import back_to, base_of, find_session, plain_page, unavailable

if TYPE_CHECKING:
    from starlette.requests import Request

    from proxmox_mcp.web.console import Console
    from proxmox_mcp.web.roles import Person
    from proxmox_mcp.web.visit import Visit

_LOG = logging.getLogger("proxmox_mcp.web")
_WRONG_LINK = "This link is unknown, was used before, or is older than ten minutes. Make another one."
_WRONG_PASSWORD = "Name or password is wrong."  # noqa: S105 - a message
_NOTES = {"out": "You are signed out.", "everywhere": "You are signed out everywhere."}
_LONGEST_AGENT = 200


async def sign_in(request: Request) -> Response:
    """The form: for a link (the script puts its token in), and for a password if there are any."""
    console: Console = request.app.state.console
    try:
        if await find_session(request) is not None:
            # A browser takes the fragment along to an address that has none, and with it the token of a link. The link
            # stays valid: no request has brought its token, and it may be for another person, or for another browser.
            return RedirectResponse(f"{back_to(request, request.query_params.get('next', ''))}#", 303)
    except StoreError as error:
        return unavailable(request, error)
    return _form(request, console, note=_NOTES.get(request.query_params.get("note", ""), ""))


async def redeem(request: Request) -> Response:
    """Sign in with the token of a link, or with a name and a password."""
    console: Console = request.app.state.console
    try:
        origin = require_same_origin(request, console.public)
        fields = await read_form(request)
        visitor = cookies.visitor(request)
        require_form_token(fields.get("form_token", ""), form_token(visitor) if visitor else "")
        person = await _person(
            request, console, fields.get("link", ""), fields.get("name", ""), fields.get("password", "")
        )
        if person is None:
            wrong = _WRONG_LINK if fields.get("link") else _WRONG_PASSWORD
            return _form(request, console, wrong=wrong, status=403)
        agent = request.headers.get("user-agent", "")[:_LONGEST_AGENT]
        token = await console.store.in_thread(lambda: console.sessions.open(person, origin=str(origin), agent=agent))
    except FormRefusedError as refused:
        return _form(request, console, wrong=refused.reason, status=refused.status)
    except RateLimitError as error:
        return _form(request, console, wrong=str(error), status=429)
    except StoreError as error:
        return unavailable(request, error)
    _LOG.info("console: %s signed in as %s", person.name, person.role)
    response = RedirectResponse(back_to(request, request.query_params.get("next", "")), 303)
    cookies.set_session(response, token, secure=origin.secure, seconds=SESSION_SECONDS)
    return response


async def sign_out(visit: Visit) -> Response:
    """End this session, or all sessions of this person."""
    console, everywhere = visit.console, visit.fields.get("everywhere") == "yes"
    if everywhere:
        await console.store.in_thread(console.sessions.end_all, visit.name)
    else:
        await console.store.in_thread(console.sessions.end, visit.session.key)
    _LOG.info("console: %s signed out%s", visit.name, " everywhere" if everywhere else "")
    response = visit.to(f"sign-in?note={'everywhere' if everywhere else 'out'}")
    cookies.clear_session(response)
    return response


async def account(visit: Visit) -> Response:
    """Who is signed in, and where else."""
    found = await visit.console.store.in_thread(visit.console.sessions.of, visit.name)
    return visit.page("account.html", sessions=found, this=visit.session.key)


async def _person(request: Request, console: Console, link: str, name: str, password: str) -> Person | None:
    if link:
        # The whole link may be pasted: its token is the part after the #.
        token = link.strip().rpartition("#")[2]
        return await console.store.in_thread(console.sessions.redeem_link, token)
    if not console.passwords:
        return None
    address = request.client.host if request.client else ""
    return await console.passwords.person(name.strip(), password, address)


def _form(request: Request, console: Console, *, note: str = "", wrong: str = "", status: int = 200) -> Response:
    visitor, after = cookies.visitor(request) or cookies.new_visitor(), request.query_params.get("next", "")
    response = plain_page(
        request,
        "sign_in.html",
        status,
        form_token=form_token(visitor),
        passwords=bool(console.passwords),
        action=f"{base_of(request)}sign-in?{urlencode({'next': after})}" if after else f"{base_of(request)}sign-in",
        note=note,
        wrong=wrong,
    )
    cookies.set_visitor(response, token=visitor, secure=scheme_of(request, console.public) == "https")
    return response
