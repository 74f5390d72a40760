"""The access control list, whose one PUT both grants and takes away; and the realm that a login takes by default."""

# Tested through tests/record/test_undo_recorded.py and tests/gateway/test_undo_whole_cluster.py.

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, ClassVar

from msgspec.structs import replace

from proxmox_mcp.record.undo.companions import acl_call
from proxmox_mcp.record.undo.model import ACL, Get, Inverse, InverseCall, Recipe, filled, is_on, listed, none, rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxmox_mcp.record.undo.model import Case


_KINDS = {"users": "user", "groups": "group", "tokens": "token"}


class AccessControl(Recipe, frozen=True):
    """PUT /access/acl: entries that were not there go, entries that were there come back as they were."""

    def wanted(self, case: Case) -> tuple[Get, ...]:
        return (ACL,)

    def inverse(self, case: Case) -> Inverse:
        entries = rows(case.before, ACL)
        if entries is None:
            return none("the access control list was not read before")
        path = str(case.data.get("path"))
        on_path = {
            (entry.get("type"), entry.get("ugid"), entry.get("roleid")): entry
            for entry in entries
            if entry.get("path") == path
        }
        new: dict[str, list[tuple[str, str]]] = {}
        calls: list[InverseCall] = []
        for plural, kind in _KINDS.items():
            for who, role in product(listed(case.data.get(plural)), listed(case.data.get("roles"))):
                entry = on_path.get((kind, who, role))
                if entry is not None:
                    calls.append(acl_call(entry))
                elif not is_on(case.data.get("delete")):
                    new.setdefault(plural, []).append((who, role))
        for plural, pairs in new.items():
            calls += _taking_away(path, plural, pairs)
        return Inverse("restore", tuple(calls), reason="" if calls else "it changes nothing")


def _taking_away(path: str, plural: str, pairs: Sequence[tuple[str, str]]) -> list[InverseCall]:
    """One call for each subject: not every subject needs to have been without every role."""
    return [
        InverseCall(
            "PUT",
            "/access/acl",
            {
                "path": path,
                plural: who,
                "roles": ",".join(role for other, role in pairs if other == who),
                "delete": 1,
            },
            f"takes from {who} on {path} what was granted",
        )
        for who in dict.fromkeys(who for who, _ in pairs)
    ]


class WithDefaultRealm(Recipe, frozen=True):
    """A write of a realm with ``default=1`` takes that from another realm, which gets it back."""

    remade: ClassVar[bool] = True

    recipe: Recipe

    def wanted(self, case: Case) -> tuple[Get, ...]:
        also = (Get("/access/domains"),) if is_on(case.data.get("default")) else ()
        return (*self.recipe.wanted(case), *also)

    def inverse(self, case: Case) -> Inverse:
        inverse = self.recipe.inverse(case)
        if not inverse.calls or not is_on(case.data.get("default")):
            return inverse
        own = str(case.data.get("realm") or "".join(case.names))
        others = [
            str(row["realm"])
            for row in rows(case.before, Get("/access/domains")) or ()
            if is_on(row.get("default")) and row.get("realm") != own
        ]
        back = [
            InverseCall("PUT", filled("/access/domains/{}", realm), {"default": 1}, f"makes {realm} the default again")
            for realm in others
        ]
        return replace(inverse, calls=(*inverse.calls, *back))
