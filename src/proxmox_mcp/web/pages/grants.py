"""Grants: what a person allows a caller for a while, given together with the approval of a call."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Self

from msgspec import Struct

from proxmox_mcp.apidoc.reviews import Effect
from proxmox_mcp.confirm.approvals import ApprovalState
from proxmox_mcp.confirm.grants import MOST_CALLS, require_grantable
from proxmox_mcp.errors import CallError, ConfirmationError
from proxmox_mcp.record.activity import guest_in
from proxmox_mcp.web.visit import whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response

    from proxmox_mcp.confirm.approvals import Approval
    from proxmox_mcp.web.visit import Visit

_LOG = logging.getLogger("proxmox_mcp.web")
_DURATIONS = {
    "15m": ("15 minutes", 900.0),
    "1h": ("1 hour", 3600.0),
    "2h": ("2 hours", 7200.0),
    "4h": ("4 hours", 14400.0),
    "8h": ("8 hours", 28800.0),
}
_SINGLY = frozenset({Effect.ACCESS, Effect.EXECUTE})
"""Only a person who ticks them allows them: a form never has them ticked already."""
_LONGEST_NUMBER = 9
_MOST_NAMES, _LONGEST_NAME = 50, 128


class Offer(Struct, frozen=True, kw_only=True):
    """What the form of an approval offers to allow. ``ticked`` are the effects that it has ticked already."""

    effects: tuple[Effect, ...]
    ticked: frozenset[Effect]
    guest: str
    durations: dict[str, str]
    most_calls: int = MOST_CALLS

    @classmethod
    def of(cls, approval: Approval) -> Self | None:
        """None where no grant could ever cover such a call: a plan, or what a rule reserves for two people."""
        effects = tuple(effect for effect in Effect if effect in approval.effects and effect is not Effect.READ)
        is_call = approval.method != "PLAN" and approval.state is ApprovalState.PENDING
        if not is_call or not effects or approval.four_eyes:
            return None
        return cls(
            effects=effects,
            ticked=frozenset(effects) - _SINGLY,
            guest=guest_in(approval.path),
            durations={value: text for value, (text, _) in _DURATIONS.items()},
        )


async def allow(visit: Visit) -> Response:
    """Approve a call, and allow its caller the like for a while.

    What can't be granted is refused before anything is decided; a grant is given only after the decision counts.
    """
    console, number, fields = visit.console, visit.number, visit.fields
    approval = await console.store.in_thread(console.approvals.get, number)
    if approval.state is not ApprovalState.PENDING:
        raise ConfirmationError(f"Request {number} is {approval.state}.", "Only what waits can be allowed.")
    offer = Offer.of(approval)
    if offer is None:
        raise ConfirmationError(f"Calls such as request {number} are decided one by one.", "Approve or deny it.")
    chosen = _names(fields.get("effects", ""))
    effects = frozenset(effect for effect in offer.effects if effect in chosen)
    if len(effects) != len(chosen):
        raise CallError("The form has an effect that this call doesn't have.", "Go back and reload the page.")
    guests, pools, tags = _guests(fields), _names(fields.get("pools", "")), _names(fields.get("tags", ""))
    calls = whole(fields.get("calls", "").strip(), _LONGEST_NUMBER) or 0
    _, seconds = _DURATIONS.get(fields.get("for", ""), ("", 0.0))
    require_grantable(effects, guests, pools, tags, calls=calls, seconds=seconds)
    await console.store.in_thread(console.approvals.decide, number, approve=True, by=visit.name)
    await console.on_record("approval.approved", visit.name, {"number": number, "reason": ""})
    given = await console.store.in_thread(
        console.grants.give,
        caller=approval.caller,
        cluster=approval.cluster,
        by=visit.name,
        effects=effects,
        guests=guests,
        pools=pools,
        tags=tags,
        calls=calls,
        seconds=seconds,
        approval=number,
    )
    details = {"number": given.number, "grant": given.described, "seconds": int(seconds), "approval": number}
    await console.on_record("grant.given", visit.name, details)
    _LOG.info("console: %s approved request %d and gave grant %d", visit.name, number, given.number)
    return visit.to(f"approvals/{number}")


async def revoke(visit: Visit) -> Response:
    """End a grant at once."""
    console = visit.console
    ended = await console.store.in_thread(console.grants.revoke, visit.number, by=visit.name)
    await console.on_record("grant.revoked", visit.name, {"number": ended.number, "grant": ended.described})
    _LOG.info("console: %s revoked grant %d", visit.name, ended.number)
    return visit.back()


def _names(text: str) -> frozenset[str]:
    """Names that are separated by commas or spaces."""
    found = frozenset(text.replace(",", " ").split())
    if len(found) > _MOST_NAMES or any(len(each) > _LONGEST_NAME for each in found):
        raise CallError(f"The form has more than {_MOST_NAMES} names, or a very long one.", "Go back and name fewer.")
    return found


def _guests(fields: Mapping[str, str]) -> frozenset[int]:
    found = set()
    for each in _names(fields.get("guests", "")):
        if (number := whole(each, _LONGEST_NUMBER)) is None:
            raise CallError(f"{each!r} is not the number of a guest.", "Go back and give numbers such as 101, 102.")
        found.add(number)
    return frozenset(found)
