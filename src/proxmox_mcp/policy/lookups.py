"""What the guard asks of the cluster, as the gateway answers it: who fulfils it knows Proxmox, the guard doesn't."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestFacts:
    """What rules ask of a guest. ``storages`` are those of its volumes, None where nobody looked."""

    exists: bool = True
    node: str = ""
    pool: str = ""
    tags: frozenset[str] = frozenset()
    storages: frozenset[str] | None = None


ABSENT = GuestFacts(exists=False, storages=frozenset())
"""There is no such guest, for certain. A token that may not see a guest gets the same answer from Proxmox: say this
only of ids that a call is about to create, and leave out what merely was not found."""


class Facts(Protocol):
    """Live facts, looked up before the decision (``Policy.lookups`` names the guests it may ask for)."""

    def guest(self, vmid: int) -> GuestFacts | None:
        """The guest, ``ABSENT`` where there is none, None where it could not be looked up."""
        ...


class NoFacts:
    """No lookup was possible: rules that deny or confirm by live facts count as matching."""

    def guest(self, vmid: int) -> GuestFacts | None:  # noqa: ARG002
        return None


NO_FACTS = NoFacts()


class Gathered:
    """Facts that were looked up before. A guest that is not among them could not be looked up."""

    def __init__(self, guests: Mapping[int, GuestFacts]) -> None:
        self._guests = guests

    def guest(self, vmid: int) -> GuestFacts | None:
        return self._guests.get(vmid)
