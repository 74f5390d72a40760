from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import anyio
import mcp_types as types
import pytest

from patience import PATIENCE
from proxmox_mcp.errors import ConfirmationError
from proxmox_mcp.server.client import McpClient

pytestmark = pytest.mark.anyio


@dataclass
class Session:
    """What a client that is connected has told, and what it is told."""

    client_capabilities: types.ClientCapabilities | None = None
    can_send_request: bool = True
    told: list[tuple[float, float | None, str]] = field(default_factory=list)

    async def report_progress(self, done: float, total: float | None, message: str) -> None:
        self.told.append((done, total, message))


@dataclass
class Context:
    session: Session
    protocol_version: str = "2025-06-18"
    request_id: str = "1"
    meta: dict[str, Any] | None = None


def client(session: Session, params: Any = None, **context: Any) -> McpClient:
    asked = params or types.CallToolRequestParams(name="t", arguments={})
    return McpClient(Context(session, **context), asked)  # type: ignore[arg-type]


def answered(content: Any, state: str | None = "token") -> types.CallToolRequestParams:
    """A call that brings the answer of a form."""
    answer = types.ElicitResult(action="accept", content=content)
    return types.CallToolRequestParams(name="t", request_state=state, input_responses={"confirm": answer})


def able(**elicitation: Any) -> types.ClientCapabilities:
    return types.ClientCapabilities(elicitation=types.ElicitationCapability(**elicitation))


async def test_progress_rises_with_every_message_and_creeps_where_the_share_is_not_known() -> None:
    session = Session()
    watching = client(session, meta={"progress_token": "p"})
    for done, text in ((None, "begun"), (0.25, "a"), (0.25, "b"), (0.1, "next disk"), (None, "?"), (1.0, "end")):
        await watching.progress(done, text)
    shares = [share for share, _, _ in session.told]
    assert shares == [0.01, 25.0, 25.01, 25.02, 25.03, 100.0]
    assert [total for _, total, _ in session.told] == [None, 100, 100, 100, None, 100]


async def test_a_question_that_nobody_answers_ends_the_call_and_frees_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Silent(Session):
        async def elicit_form(self, *_: Any) -> types.ElicitResult:
            await anyio.sleep_forever()
            raise AssertionError

    monkeypatch.setattr("proxmox_mcp.server.client.LIFETIME_SECONDS", 0.05)
    with anyio.fail_after(PATIENCE), pytest.raises(ConfirmationError, match="Nobody answered the question") as caught:
        await client(Silent()).ask("Do it?", "token")
    assert "Nothing was sent." in caught.value.advice


async def test_who_does_not_want_progress_is_told_none() -> None:
    session = Session()
    await client(session).progress(0.5, "half")
    assert session.told == []


@pytest.mark.parametrize(
    ("capabilities", "can"),
    [
        (None, False),
        (types.ClientCapabilities(), False),
        (able(), True),
        (able(form=types.FormElicitationCapability()), True),
        (able(url=types.UrlElicitationCapability()), False),
    ],
)
def test_a_client_can_be_asked_where_it_declared_forms(
    capabilities: types.ClientCapabilities | None, can: bool
) -> None:
    assert client(Session(capabilities)).can_be_asked is can
    assert client(Session(capabilities), protocol_version="2026-07-28").can_be_asked is can


def test_an_older_client_without_a_way_back_cannot_be_asked_and_a_newer_one_can() -> None:
    session = Session(able(), can_send_request=False)
    assert not client(session).can_be_asked
    assert client(session, protocol_version="2026-07-28").can_be_asked


def test_an_answer_without_the_state_that_we_gave_is_none() -> None:
    answer = client(Session(), answered({"confirm": True})).answer
    assert answer is not None
    assert (answer.token, answer.agreed) == ("token", True)
    assert client(Session(), answered({"confirm": True}, state=None)).answer is None


@pytest.mark.parametrize("content", [None, {}, {"confirm": False}, {"other": True}])
def test_only_a_yes_is_agreement(content: dict[str, Any] | None) -> None:
    answer = client(Session(), answered(content)).answer
    assert answer is not None
    assert not answer.agreed
