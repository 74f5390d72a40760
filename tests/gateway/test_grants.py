"""A grant in place of a question: used and on record; a freeze and a rule with four eyes come first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateway.conftest import records
from proxmox_mcp.apidoc.reviews import Effect
from proxmox_mcp.errors import ConfirmationNeededError, FrozenError, StoreError
from proxmox_mcp.gateway import Gateway, Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox.raw_server import RawServer

pytestmark = pytest.mark.anyio

RESET = Request(path="/nodes/pve1/qemu/100/status/reset", method="POST")
FOUR_EYES = '[[rule]]\nverdict = "confirm"\nfour_eyes = true\n'


def give(gateway: Gateway) -> None:
    gateway.guard.grants.give(
        caller="local",
        cluster="default",
        by="anna",
        effects=frozenset({Effect.DISRUPT}),
        tags=frozenset({"prod"}),
        calls=2,
        seconds=600,
    )


@pytest.mark.parametrize("setting", ["token", "operator"])
async def test_a_granted_call_is_made_without_a_question_and_names_the_grant_on_record(
    setting: str, recorder: RawServer, gateway_to: Callable[..., Gateway]
) -> None:
    gateway = gateway_to(recorder.port, MCP_CONFIRM=setting)
    give(gateway)
    assert (await gateway.call(RESET)).startswith("Done: POST /nodes/pve1/qemu/100/status/reset")
    assert records(gateway)[-1]["confirmation"] == "grant 1 by anna (1 of 2)"
    other = Request(path="/nodes/pve1/qemu/101/status/reset", method="POST")
    with pytest.raises(ConfirmationNeededError):
        await gateway.call(other)
    await gateway.call(RESET)
    with pytest.raises(ConfirmationNeededError):
        await gateway.call(RESET)


async def test_a_freeze_comes_before_a_grant_and_uses_none_of_it(
    recorder: RawServer, gateway_to: Callable[..., Gateway]
) -> None:
    gateway = gateway_to(recorder.port)
    give(gateway)
    gateway.guard.freezes.freeze(by="ben")
    with pytest.raises(FrozenError):
        await gateway.call(RESET)
    assert gateway.guard.grants.active()[0].used == 0


async def test_a_rule_with_four_eyes_is_covered_by_no_grant(
    recorder: RawServer, gateway_to: Callable[..., Gateway]
) -> None:
    gateway = gateway_to(recorder.port, FOUR_EYES)
    give(gateway)
    with pytest.raises(ConfirmationNeededError, match="A person must approve this"):
        await gateway.call(RESET)


async def test_a_store_that_can_t_be_used_says_that_nothing_was_sent(
    recorder: RawServer, gateway_to: Callable[..., Gateway], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StoreError("the state database can't be used: no connection", "See MCP_DATABASE_URL.")

    gateway = gateway_to(recorder.port)
    monkeypatch.setattr(gateway.guard.grants, "may_cover", away)
    with pytest.raises(StoreError) as caught:
        await gateway.call(RESET)
    assert caught.value.advice == "Nothing was sent. See MCP_DATABASE_URL."
