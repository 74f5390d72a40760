"""What counts as a person's yes, in either era of the protocol."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import mcp_types as types
import pytest

from proxmox_mcp.gateway import Answer
from proxmox_mcp.server.client import McpClient

pytestmark = pytest.mark.anyio

NOT_A_YES: list[Any] = ["false", "no", "", "true", 1, 0, None, False, ["true"]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def client_of(result: types.ElicitResult | None, *, state: str | None = None) -> McpClient:
    """A client whose person answers ``result``: when asked, and with the request where it brings a ``state``."""

    async def elicit_form(*_: Any) -> types.ElicitResult | None:
        return result

    session = SimpleNamespace(elicit_form=elicit_form)
    context = SimpleNamespace(session=session, request_id=1, protocol_version="2025-11-25", meta=None)
    responses = {"confirm": result} if state is not None and result is not None else None
    params = SimpleNamespace(input_responses=responses, request_state=state)
    return McpClient(context, params)  # type: ignore[arg-type]


def answered(action: str, confirm: Any) -> types.ElicitResult:
    return types.ElicitResult.model_construct(action=action, content={"confirm": confirm})


async def test_only_an_accepted_form_with_a_true_in_it_is_a_yes() -> None:
    yes = answered("accept", True)
    assert await client_of(yes).ask("Do it?", "t") is True
    assert client_of(yes, state="t").answer == Answer("t", agreed=True)


@pytest.mark.parametrize("confirm", NOT_A_YES)
async def test_what_only_counts_as_true_is_no_yes(confirm: Any) -> None:
    said = answered("accept", confirm)
    assert await client_of(said).ask("Do it?", "t") is False
    assert client_of(said, state="t").answer == Answer("t", agreed=False)


@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_a_form_that_was_not_accepted_is_no_yes_whatever_it_holds(action: str) -> None:
    assert await client_of(answered(action, True)).ask("Do it?", "t") is False


@pytest.mark.parametrize("state", [None, ""])
def test_an_answer_without_the_state_of_its_question_is_none(state: str | None) -> None:
    assert client_of(answered("accept", True), state=state).answer is None
