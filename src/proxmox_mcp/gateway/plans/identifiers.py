"""Free identifiers for what a plan creates: looked up when the plan is stated, and shown in its statement."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from proxmox_mcp.errors import ParametersError, TargetError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from proxmox_mcp.gateway.cluster import Cluster

_NEXT_ID = "/cluster/nextid"
_MOST_TRIES = 200
"""Ids that are taken by guests which this token can't see, one after the other."""


@dataclass
class FreeIdentifiers:
    """Identifiers by parameter, each given once, in the order in which they were found."""

    guests: list[str] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)

    @classmethod
    def again(cls, identifiers: Sequence[str]) -> FreeIdentifiers:
        """Those that were allocated before, in the order in which ``all`` gave them."""
        return cls([each for each in identifiers if each.isdecimal()], [e for e in identifiers if not e.isdecimal()])

    def all(self) -> tuple[str, ...]:
        """What is left to be taken."""
        return (*self.guests, *self.jobs)

    def take(self, parameter: str) -> str:
        """The next one. Raises TargetError where more are needed than were looked up."""
        kept = self.jobs if parameter == "id" else self.guests
        if not kept:
            raise TargetError("the plan needs other identifiers than when it was stated.", "State it again.")
        return kept.pop(0)


async def find_free(needed: Sequence[str], taken: Collection[int], cluster: Cluster) -> FreeIdentifiers:
    """Identifiers for the parameters in ``needed``, none of them in ``taken``.

    Each id is asked for by number, since the token may not see the guest that has it: ``nextid`` refuses one that is
    taken (``PVE::API2::Cluster``). Raises ProxmoxError, or TargetError where no id is free.
    """
    jobs = [f"backup-{secrets.token_hex(4)}" for parameter in needed if parameter == "id"]
    wanted = len(needed) - len(jobs)
    if not wanted:
        return FreeIdentifiers([], jobs)
    resources = await cluster.inventory.resources()
    known = {*taken, *(guest.vmid for guest in resources.guests)}
    found: list[str] = []
    candidate = int(await cluster.pve.get(_NEXT_ID))
    for _ in range(_MOST_TRIES + wanted):
        if candidate not in known and await _is_free(candidate, cluster):
            found.append(str(candidate))
        if len(found) == wanted:
            return FreeIdentifiers(found, jobs)
        candidate += 1
    raise TargetError(f"No {wanted} free guest ids were found from {candidate - _MOST_TRIES} on.", "Give ids yourself.")


async def _is_free(vmid: int, cluster: Cluster) -> bool:
    try:
        await cluster.pve.get(_NEXT_ID, {"vmid": str(vmid)})
    except ParametersError:
        return False
    return True
