"""The live facts that rules decide by: which ones the policy needs, and how it gets them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """The facts that the rules for one call may ask for: of which guests, and whether of the storages of their
    volumes too, which take one more GET for each guest."""

    guests: frozenset[int] = frozenset()
    storages: bool = False


NO_NEEDS = Needs()


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
    """Live facts, looked up before the decision (``Policy.needs`` names the guests it may ask for)."""

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
