"""A step of a plan is held to what was stated of it: more, stricter or other is not sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from proxmox_mcp.apidoc.reviews import Effect
from proxmox_mcp.confirm.statement import ExpectedDifference, Statement
from proxmox_mcp.errors import ConfirmationError
from proxmox_mcp.gateway.agreement import Agreed, fingerprint_of, held_to
from proxmox_mcp.policy.caller import Mode
from proxmox_mcp.policy.policy import Policy
from proxmox_mcp.policy.rules import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox_mcp.policy.call import Call

STATEMENT = Statement("stops VM 100", "VM 100 web")


@pytest.fixture
def stop(action: Callable[..., Call]) -> Call:
    call = action("POST", "/nodes/{node}/qemu/{vmid}/status/stop", "pve1", 100)
    return replace(call, decision=Policy(Mode.GUARDED).decide(call))


def agreed(confirmation: str = "token", *effects: Effect) -> Agreed:
    return Agreed(
        plan=12,
        step=3,
        effects=frozenset(effects or {Effect.DISRUPT}),
        verdict=Verdict.CONFIRM,
        fingerprint=fingerprint_of(STATEMENT),
        confirmation=confirmation,
    )


@pytest.mark.parametrize("confirmation", ["token", "person", "approved by lena"])
def test_what_was_stated_and_confirmed_is_sent_with_that_on_record(confirmation: str, stop: Call) -> None:
    assert held_to(agreed(confirmation), stop, STATEMENT).confirmation == f"plan 12: {confirmation}"


def test_an_effect_that_was_not_stated_is_not_sent(stop: Call) -> None:
    with pytest.raises(ConfirmationError, match="does more than was stated: "):
        held_to(agreed("token", Effect.CHANGE), stop, STATEMENT)


def test_what_would_hit_something_else_is_not_sent(stop: Call) -> None:
    with pytest.raises(ConfirmationError, match="Now: stops VM 100 elsewhere"):
        held_to(agreed(), stop, Statement("stops VM 100 elsewhere", "VM 100 db"))


def test_a_value_that_was_changed_meanwhile_is_not_replaced(stop: Call) -> None:
    stated, now = (
        replace(STATEMENT, differences=(ExpectedDifference("memory", before, "8192"),)) for before in ("2048", "9999")
    )
    bound = replace(agreed(), fingerprint=fingerprint_of(stated))
    assert held_to(bound, stop, stated).confirmation
    with pytest.raises(ConfirmationError, match="has changed since the plan was stated"):
        held_to(bound, stop, now)


def test_what_needs_a_confirmation_by_now_is_not_sent_where_the_plan_needed_none(stop: Call) -> None:
    with pytest.raises(ConfirmationError, match="needs a confirmation by now"):
        held_to(agreed(""), stop, None)


@pytest.mark.parametrize(("confirmation", "sent"), [("token", False), ("person", True), ("approved by x", True)])
def test_what_a_person_must_confirm_by_now_is_not_sent_on_a_token(confirmation: str, sent: bool, stop: Call) -> None:
    assert stop.decision is not None
    reserved = replace(stop, decision=replace(stop.decision, person_only=True))
    if sent:
        assert held_to(agreed(confirmation), reserved, STATEMENT).confirmation
    else:
        with pytest.raises(ConfirmationError, match="a person must confirm"):
            held_to(agreed(confirmation), reserved, STATEMENT)


def test_what_needs_nothing_and_is_bound_to_nothing_is_sent(stop: Call) -> None:
    allowed = replace(stop, decision=Policy(Mode.FULL).decide(stop))
    assert held_to(agreed(""), allowed, None).confirmation == ""
