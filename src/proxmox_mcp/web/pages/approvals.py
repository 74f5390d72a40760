"""What waits for a yes, each with its whole statement; who decided what before."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from proxmox_mcp.confirm.approvals import PENDING_SECONDS
from proxmox_mcp.errors import ConfirmationError
from proxmox_mcp.web.pages.grants import Offer

if TYPE_CHECKING:
    from starlette.responses import Response

    from proxmox_mcp.confirm.approvals import Approval
    from proxmox_mcp.web.visit import Visit

_LOG = logging.getLogger("proxmox_mcp.web")
_LONGEST_REASON = 500
_HISTORY = 50


async def approvals(visit: Visit) -> Response:
    """What waits, oldest first, and what was decided last."""
    store, queue = visit.console.store, visit.console.approvals
    waiting = await store.in_thread(queue.pending)
    decided = await store.in_thread(queue.decided, _HISTORY)
    return visit.page("approvals.html", waiting=waiting, decided=decided, until=_until, offered=Offer.of)


async def approval(visit: Visit) -> Response:
    """One of them."""
    found = await visit.console.store.in_thread(visit.console.approvals.get, visit.number)
    return visit.page("approval.html", approval=found, until=_until, offer=Offer.of(found))


async def decide(visit: Visit) -> Response:
    """Approve or deny, in the name of this person."""
    answer = visit.fields.get("answer", "")
    if answer not in ("approve", "deny"):
        raise ConfirmationError("The form has no answer.", "Go back and use one of its buttons.")
    reason = " ".join(visit.fields.get("reason", "").split())[:_LONGEST_REASON]
    queue, number = visit.console.approvals, visit.number
    approve = answer == "approve"
    await visit.console.store.in_thread(queue.decide, number, approve=approve, by=visit.name, reason=reason)
    await visit.console.on_record(
        "approval.approved" if approve else "approval.denied", visit.name, {"number": number, "reason": reason}
    )
    _LOG.info("console: %s %s request %d", visit.name, "approved" if approve else "denied", number)
    return visit.to(f"approvals/{number}")


def _until(approval: Approval) -> float:
    """When a request that nobody decides runs out."""
    return approval.created + PENDING_SECONDS
