"""What the readers of this package find, and what they have in common."""

# Tested through tests/gateway/test_reach.py.

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field

from proxmox_mcp.confirm.subjects import KIND, Subject

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from proxmox_mcp.gateway.live_state import LiveState
    from proxmox_mcp.proxmox.inventory import Guest

    Reader = Callable[[LiveState], Awaitable["Reached"]]


class Reached(Struct, frozen=True):
    """What is hit without being named; ``listed`` are the kinds of targets of which this is all."""

    subjects: tuple[Subject, ...] = ()
    listed: frozenset[str] = field(default_factory=frozenset)


GUESTS_ONLY = frozenset({"guest", "pool"})
"""Where the nodes, or how the nodes are reached, are hit too."""
GUESTS = GUESTS_ONLY | {"node"}


def guests_reached(found: Iterable[Guest], live: LiveState, listed: frozenset[str] = GUESTS) -> Reached:
    """These guests, without those that the call names."""
    named = live.call.targets.guests
    return Reached(tuple(subject_of(guest) for guest in found if guest.vmid not in named), listed)


def subject_of(guest: Guest, unread: str = "") -> Subject:
    identity, state = {"name": guest.name}, {"on": guest.node, "status": guest.status}
    return Subject(kind=KIND[guest.type], id=str(guest.vmid), identity=identity, state=state, unread=unread)
