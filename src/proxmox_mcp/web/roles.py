"""Who uses the console: a person with a role."""

# Tested through tests/web/pages/test_callers.py and tests/web/pages/test_stopping.py.

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


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


class Person(Struct, frozen=True):
    """A person who is signed in, or a link that signs one in."""

    name: str
    role: Role
