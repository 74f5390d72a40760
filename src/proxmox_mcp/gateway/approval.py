"""Has a call approved by an operator: waits a while for the decision, then hands the number back, to wait on with."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from proxmox_mcp.confirm.approvals import ApprovalState
from proxmox_mcp.errors import ConfirmationError, ConfirmationNeededError

if TYPE_CHECKING:
    from proxmox_mcp.gateway.enforcement import Confirmable, Guard
    from proxmox_mcp.gateway.request import Client, Request
    from proxmox_mcp.policy.call import Call


async def requested(
    number: int, call: Call, request: Request, stated: Confirmable, client: Client, guard: Guard, *, said: str
) -> Call:
    """The call with who approved the request that it has just made, or had made before; ``said`` is its statement.

    Raises ConfirmationNeededError with the number where nobody has decided yet, else as ``redeemed`` does.
    """
    asks = f"Request {number} waits for a person: open it to read what the call would do, and to approve or deny it."
    link = guard.operators.link(number) if await _can_wait(number, call, request, guard) else ""
    async with client.link_shown(asks, link, f"approval-{number}"):
        if not await _is_decided(number, call, request, client, guard):
            raise ConfirmationNeededError(said, _how_to_go_on(number, request, guard))
    return await redeemed(number, call, stated, guard)


async def waited_for(
    number: int, call: Call, request: Request, stated: Confirmable, client: Client, guard: Guard
) -> Call:
    """The call with who approved the request whose number it came with. Raises ConfirmationError where nobody did."""
    if not await _is_decided(number, call, request, client, guard):
        raise ConfirmationError(
            f"request {number} waits for a person", f"Nothing was sent. {_how_to_go_on(number, request, guard)}"
        )
    return await redeemed(number, call, stated, guard)


async def redeemed(number: int, call: Call, stated: Confirmable, guard: Guard) -> Call:
    """Use a decided request up: the call with who approved it. What would be hit is read again, since time has passed.

    Raises ConfirmationError where it was denied, was used or has expired, or where what would be hit has changed.
    """
    statement = await (await stated.again()).statement(backups=False)
    by = await guard.store.in_thread(guard.approvals.redeem, number, call, statement)
    return replace(call, confirmation=f"approved by {by}", statement=statement.recorded)


async def _can_wait(number: int, call: Call, request: Request, guard: Guard) -> bool:
    """Whether there is something to wait for: the same call may have been approved before.

    A person at the console does not wait: their page would hang, and shows them what waits.
    """
    approval = await guard.store.in_thread(guard.approvals.of_call, number, call)
    return approval.state is ApprovalState.PENDING and guard.waiting.waits and not request.operator


async def _is_decided(number: int, call: Call, request: Request, client: Client, guard: Guard) -> bool:
    """Whether somebody has decided, or does so while the call waits, during which it counts as none that runs."""
    if not await _can_wait(number, call, request, guard):
        approval = await guard.store.in_thread(guard.approvals.of_call, number, call)
        return approval.state is not ApprovalState.PENDING
    place = guard.operators.link(number) or guard.operators.where(number)
    tell = partial(client.progress, None, f"waiting for approval {number}: {place}")
    async with guard.limits.waiting(call.caller):
        approval = await guard.waiting.decision(number, call, tell)
    return approval.state is not ApprovalState.PENDING


def _how_to_go_on(number: int, request: Request, guard: Guard) -> str:
    return request.wording.approve.format(number=number, where=guard.operators.where(number))
