"""Calls that a person makes from the console: through the same gateway as every other, confirmed by what they read."""

# Tested through tests/web/pages/test_changes.py and tests/web/pages/test_stopping.py.

from __future__ import annotations

import hashlib
import hmac
from contextlib import nullcontext
from typing import TYPE_CHECKING

from proxmox_mcp.errors import ConfirmationNeededError, GuardError
from proxmox_mcp.gateway import FOR_PEOPLE, Reply, Request
from proxmox_mcp.policy.caller import Caller, Mode
from proxmox_mcp.server.request_id import request_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from starlette.responses import Response

    from proxmox_mcp.gateway import Gateway
    from proxmox_mcp.web.visit import Visit

AGREED = "agreed"
"""The field of a form with the digest of the statement that the person has read."""


class PersonAtConsole:
    """The person as the gateway's client: asked about a statement, they agree only to the one that they have read."""

    can_be_asked = True
    follows_progress = False
    answer: Reply | None = None

    def __init__(self, agreed: str) -> None:
        self._agreed = agreed
        self.question = ""

    async def ask(self, question: str, token: str) -> bool:  # noqa: ARG002 - the digest stands for the token
        if hmac.compare_digest(self._agreed.encode(), digest(question).encode()):
            return True
        self.question = question
        raise ConfirmationNeededError(question)

    def link_shown(self, text: str, link: str, key: str) -> AbstractAsyncContextManager[None]:  # noqa: ARG002
        return nullcontext()

    async def progress(self, done: float | None, text: str) -> None:
        """The page shows the tasks."""


def digest(statement: str) -> str:
    """What an answer to a statement names: another statement, even by one character, is not what was read."""
    return hashlib.sha256(statement.encode("utf-8", "surrogatepass")).hexdigest()


def gateway_for(visit: Visit) -> Gateway:
    """The gateway. Raises GuardError if this console has none."""
    if visit.console.gateway is None:
        raise GuardError(
            "This console has no connection to a cluster.", "Start it with the settings of the server (PROXMOX_HOST)."
        )
    return visit.console.gateway


def request_of(visit: Visit, method: str, path: str, *, cluster: str = "") -> Request:
    """A request in the name of the person: guarded like any, and what they confirm counts as an approval."""
    return Request(
        path=path,
        method=method,
        cluster=cluster,
        wording=FOR_PEOPLE,
        tool="console",
        client="console",
        # No caller of the settings or the store can have a name with a colon.
        caller=Caller(name=f"console:{visit.name}", owner=visit.name, mode=Mode.GUARDED),
        operator=visit.name,
        id=request_id(),
    )


async def confirmed(
    visit: Visit, title: str, act: Callable[[PersonAtConsole], Awaitable[Response]], *, back: str
) -> Response:
    """Do something that may ask: then a page shows the statement, and its form comes here again with the answer."""
    client = PersonAtConsole(visit.fields.get(AGREED, ""))
    try:
        return await act(client)
    except ConfirmationNeededError:
        if not client.question:
            raise
        kept = {name: value for name, value in visit.fields.items() if name not in (AGREED, "form_token")}
        return visit.page(
            "confirm.html",
            title=title,
            statement=client.question,
            digest=digest(client.question),
            fields=kept,
            action=visit.request.url.path,
            back=back,
            again=bool(visit.fields.get(AGREED)),
        )
