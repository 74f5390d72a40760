"""What the guard asks of the cluster, as the gateway answers it: who fulfils it knows Proxmox, the guard doesn't."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestFacts:
    """What rules ask of a guest. ``storages`` are those of its volumes, None where nobody looked."""

    exists: bool = True
    node: str = ""
    pool: str = ""
    tags: frozenset[str] = frozenset()
    storages: frozenset[str] | None = None


ABSENT = GuestFacts(exists=False, storages=frozenset())
"""The cluster was asked, and has no such guest."""


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
