"""Who uses the console: a person with a role."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a person may do, in rising order; each role may do what those before it may.

    A viewer sees everything. An operator also approves, undoes, stops and freezes. An admin also manages callers.
    """

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def may(self, needed: Role) -> bool:
        """Whether this role includes ``needed``."""
        return _RANK[self] >= _RANK[needed]


_RANK = {role: rank for rank, role in enumerate(Role)}


@dataclass(frozen=True, slots=True)
class Person:
    """A person who is signed in, or a link that signs one in."""

    name: str
    role: Role
