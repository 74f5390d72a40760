"""What the record says in codes, as people read it: how a call ended, and what a person did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

Tone = Literal["ok", "info", "warn", "bad", ""]


class Ending(Struct, frozen=True):
    """How a call ended. ``tone`` is the colour: good, running, refused before it was sent, or gone wrong."""

    said: str
    tone: Tone


_ENDINGS = {
    "ok": Ending("done", "ok"),
    "running": Ending("running", "info"),
    "dry-run": Ending("dry run", "ok"),
    "unconfirmed": Ending("not confirmed", "warn"),
    "cancelled": Ending("cancelled", "bad"),
    "internal": Ending("internal error", "bad"),
    "call": Ending("invalid call", "warn"),
    "call.target": Ending("target not found", "warn"),
    "guard": Ending("refused", "warn"),
    "guard.denied": Ending("denied", "warn"),
    "guard.confirmation": Ending("not confirmed", "warn"),
    "guard.rate": Ending("too many calls", "warn"),
    "guard.audit": Ending("audit not writable", "bad"),
    "guard.store": Ending("state unavailable", "bad"),
    "guard.frozen": Ending("frozen", "warn"),
    "pve": Ending("failed", "bad"),
    "pve.unreachable": Ending("Proxmox unreachable", "bad"),
    "pve.tls": Ending("TLS failed", "bad"),
    "pve.timeout": Ending("no answer in time", "bad"),
    "pve.authentication": Ending("credentials refused", "bad"),
    "pve.permission": Ending("permission denied", "bad"),
    "pve.parameters": Ending("parameters refused", "bad"),
    "pve.unknown": Ending("unknown to the node", "bad"),
    "pve.node": Ending("node unreachable", "bad"),
    "guest": Ending("failed in the guest", "bad"),
    "task.failed": Ending("task failed", "bad"),
    "plan.failed": Ending("plan failed", "bad"),
}
_ACTS = {
    "approval.approved": "Approved request {number}",
    "approval.denied": "Denied request {number}",
    "grant.given": "Gave grant {number}",
    "grant.revoked": "Revoked grant {number}",
    "caller.made": "Made the caller {name}",
    "caller.rotated": "Made a new token for {name}",
    "caller.revoked": "Revoked the caller {name}",
    "caller.removed": "Removed the caller {name}",
    "plan.stopped": "Stopped plan {plan}",
    "freeze": "Froze all writes",
    "unfreeze": "Allowed writes again",
}


def ending(result: str) -> Ending:
    """How a call with this result ended; one of an unknown code as its nearest parent, such as ``pve`` of ``pve.x``."""
    code = result
    while code not in _ENDINGS and "." in code:
        code = code.rpartition(".")[0]
    return _ENDINGS.get(code, Ending(result, "bad"))


def act(event: str, details: Any) -> str:
    """What a person did, from the event of the record and its details."""
    said = _ACTS.get(event)
    if said is None:
        return event
    given: Mapping[str, Any] = details if isinstance(details, dict) else {}
    try:
        return said.format_map(given)
    except (KeyError, ValueError):
        return event
