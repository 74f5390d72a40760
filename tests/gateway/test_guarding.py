"""Answers to questions: each counts once, for what was asked, whichever way it was given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxmox_mcp.errors import ConfirmationError
from proxmox_mcp.gateway import Answer, Call, Gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from pve.raw_server import RawServer

pytestmark = pytest.mark.anyio

DELETE = Call(path="/nodes/pve1/qemu/101", method="DELETE")


class AskedError(Exception):
    """The call ended with a question."""


class Later:
    """A client whose person answers with the call made again."""

    can_be_asked, follows_progress = True, False

    def __init__(self) -> None:
        self.answer: Answer | None = None
        self.token = ""

    async def ask(self, question: str, token: str) -> bool:
        self.token = token
        raise AskedError(question)

    async def progress(self, done: float | None, text: str) -> None:
        """Nobody listens."""


@pytest.fixture
async def gateway(recorder: RawServer, gateway_to: Callable[..., Gateway]) -> AsyncIterator[Gateway]:
    made = gateway_to(recorder.port)
    yield made
    for cluster in made.clusters.values():
        await cluster.pve.aclose()


async def test_a_question_that_was_declined_can_not_be_accepted_afterwards(
    gateway: Gateway, recorder: RawServer
) -> None:
    before, client = len(recorder.posted), Later()
    with pytest.raises(AskedError):
        await gateway.call(DELETE, client)
    for agreed in (False, True):
        client.answer = Answer(client.token, agreed)
        with pytest.raises(ConfirmationError):
            await gateway.call(DELETE, client)
    assert len(recorder.posted) == before


async def test_a_question_that_was_accepted_is_accepted_once(gateway: Gateway, recorder: RawServer) -> None:
    before, client = len(recorder.posted), Later()
    with pytest.raises(AskedError):
        await gateway.call(DELETE, client)
    client.answer = Answer(client.token, agreed=True)
    assert await gateway.call(DELETE, client) == "Done: DELETE /nodes/pve1/qemu/101"
    with pytest.raises(ConfirmationError):
        await gateway.call(DELETE, client)
    assert len(recorder.posted) == before + 1
