"""The MCP client behind a call: whether its user can be asked, whether it wants progress, and the user's answer.

Up to protocol 2025-11-25 the server asks its question in the middle of the call. From 2026-07-28 the call ends with the
question, and the client repeats the call with the answer and with our state (sealed by the SDK).
"""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import anyio
import mcp_types as types
from mcp.shared.exceptions import MCPError

from proxmox_mcp.confirm.confirmations import LIFETIME_SECONDS
from proxmox_mcp.errors import ConfirmationError, ConfirmationNeededError, ProxmoxMcpError
from proxmox_mcp.gateway import Reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mcp.server.context import ServerRequestContext

_FIRST_WITH_ANSWERS = "2026-07-28"
_QUESTION, _LINK = "confirm", "approve"
_FORM: dict[str, Any] = {
    "type": "object",
    "properties": {"confirm": {"type": "boolean", "title": "Yes, do it", "description": "Whether to go ahead"}},
    "required": ["confirm"],
}


class QuestionPending(ConfirmationNeededError):  # noqa: N818
    """The call ends here with a question; the client repeats the call with the answer."""

    _token: str

    def __init__(self, message: str, advice: str = "", *, token: str) -> None:
        super().__init__(message, advice)
        self.__dict__.update(_token=token)

    @property
    def result(self) -> types.InputRequiredResult:
        """The question as the protocol carries it."""
        question = types.ElicitRequestFormParams(message=self.message, requested_schema=_FORM)
        return types.InputRequiredResult(
            input_requests={_QUESTION: types.ElicitRequest(params=question)}, request_state=self._token
        )

    def _fields(self) -> dict[str, Any]:
        return {**super()._fields(), "token": self._token}


class LinkPending(QuestionPending):
    """The call ends here with a link for the user; the client repeats the call once they have seen it."""

    _link: str

    def __init__(self, message: str, advice: str = "", *, token: str, link: str) -> None:
        super().__init__(message, advice, token=token)
        self.__dict__.update(_link=link)

    @property
    def result(self) -> types.InputRequiredResult:
        """The link as the protocol carries it."""
        question = types.ElicitRequestURLParams(message=self.message, url=self._link)
        return types.InputRequiredResult(
            input_requests={_LINK: types.ElicitRequest(params=question)}, request_state=self._token
        )

    def _fields(self) -> dict[str, Any]:
        return {**super()._fields(), "link": self._link}


class McpClient:
    """``gateway.Client`` for one request."""

    def __init__(self, context: ServerRequestContext[Any, Any], params: types.CallToolRequestParams) -> None:
        self._session = context.session
        self._request_id = context.request_id
        self._answers_later = context.protocol_version >= _FIRST_WITH_ANSWERS
        self.follows_progress = (context.meta or {}).get("progress_token") is not None
        self.answer = _answer(params)
        self._has_seen_link = _LINK in (params.input_responses or {})
        self._told = 0.0

    @property
    def can_be_asked(self) -> bool:
        capabilities = self._session.client_capabilities
        elicitation = capabilities.elicitation if capabilities else None
        declared = elicitation is not None and (elicitation.form is not None or elicitation.url is None)
        return declared and (self._answers_later or self._session.can_send_request)

    async def ask(self, question: str, token: str) -> bool:
        if self._answers_later:
            raise QuestionPending(question, token=token)
        try:
            with anyio.fail_after(LIFETIME_SECONDS):
                result = await self._session.elicit_form(question, _FORM, self._request_id)
        except TimeoutError:
            raise ConfirmationError(
                f"Nobody answered the question within {LIFETIME_SECONDS // 60} minutes.",
                "Nothing was sent. Make the call again when the user can answer.",
            ) from None
        except MCPError as error:
            raise ConfirmationError("The client could not ask its user.", "Nothing was sent.") from error
        return _agreed(result)

    @asynccontextmanager
    async def link_shown(self, text: str, link: str, key: str) -> AsyncIterator[None]:
        """Whether the user opens the link is up to them: another operator may decide as well."""
        if not link or not self._can_open_links or self._has_seen_link:
            yield
            return
        if self._answers_later:
            raise LinkPending(text, token=key, link=link)
        failure: ProxmoxMcpError | None = None
        async with anyio.create_task_group() as group:
            group.start_soon(self._offer_link, text, link, key)
            try:
                yield
            except ProxmoxMcpError as error:
                failure = error  # Raised below: it would come out of the group as an ExceptionGroup.
            group.cancel_scope.cancel()
        if failure is not None:
            raise failure

    @property
    def _can_open_links(self) -> bool:
        capabilities = self._session.client_capabilities
        elicitation = capabilities.elicitation if capabilities else None
        declared = elicitation is not None and elicitation.url is not None
        return declared and (self._answers_later or self._session.can_send_request)

    async def _offer_link(self, text: str, link: str, key: str) -> None:
        with suppress(MCPError):
            await self._session.elicit_url(text, link, key, self._request_id)

    async def progress(self, done: float | None, text: str) -> None:
        """The protocol requires progress to rise with every message: where the share is unknown, it rises by 0.01."""
        if not self.follows_progress:
            return
        self._told = max(done * 100 if done is not None else 0.0, self._told + 0.01)
        await self._session.report_progress(round(self._told, 2), 100 if done is not None else None, text)


def _answer(params: types.CallToolRequestParams) -> Reply | None:
    given = (params.input_responses or {}).get(_QUESTION)
    if given is None or not params.request_state:
        return None
    return Reply(params.request_state, isinstance(given, types.ElicitResult) and _agreed(given))


def _agreed(result: types.ElicitResult) -> bool:
    """Whether the user said yes: only ``true``, since a text such as ``no`` is true in Python as well."""
    return result.action == "accept" and (result.content or {}).get("confirm") is True
