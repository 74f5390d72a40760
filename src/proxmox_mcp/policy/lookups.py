"""The live facts that rules decide by: which ones the policy needs, and what was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


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

Facts = Mapping[int, GuestFacts]
"""The guests by their number, looked up before the decision (``Policy.needs`` names them): ``ABSENT`` where there is
none. A guest that is not among them could not be looked up: rules that deny or confirm by it count as matching."""

NO_FACTS: Facts = MappingProxyType({})
