"""Users, groups, roles, tokens and access control lists, and the privileges that follow from them.

The rules are those of ``PVE::AccessControl`` and ``PVE::RPCEnvironment``: the nearest ACL entry on the way to a path
counts, a token's before its user's before its groups'; ``NoAccess`` beats all; the roles on a guest's pool are added.
"""

# Tested through tests/demo/configuration/test_access.py and tests/demo/configuration/test_permissions.py.

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from proxmox_mcp.demo.configuration.roles import NO_ACCESS, PRIVILEGES, SPECIAL_ROLES

if TYPE_CHECKING:
    from collections.abc import Iterable

Values = dict[str, Any]
Subject = tuple[str, str]
"""What an ACL entry is for: ``user``, ``group`` or ``token``, and its identifier."""

ROOT = "root@pam"
_TOP = ("/", "/access", "/access/groups", "/nodes", "/pool", "/sdn", "/storage", "/vms")


def owner_of(who: str) -> str:
    """The user of a user or token id."""
    return who.partition("!")[0]


class Accounts(Struct):
    """What user.cfg holds, by identifier; tokens by full id.

    ``acl`` by path: the roles of each subject, with their propagate flags.
    """

    users: dict[str, Values] = field(default_factory=dict)
    tokens: dict[str, Values] = field(default_factory=dict)
    groups: dict[str, Values] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=dict)
    own_roles: dict[str, frozenset[str]] = field(default_factory=dict)
    acl: dict[str, dict[Subject, dict[str, int]]] = field(default_factory=dict)

    @property
    def roles(self) -> dict[str, frozenset[str]]:
        return {**SPECIAL_ROLES, **self.own_roles}

    def tokens_of(self, user: str) -> dict[str, Values]:
        """The tokens of a user by their names."""
        start = f"{user}!"
        return {full.removeprefix(start): token for full, token in self.tokens.items() if full.startswith(start)}

    def groups_of(self, user: str) -> list[str]:
        return [group for group, members in self.members.items() if user in members]

    def may_log_in(self, who: str) -> bool:
        """Whether a user or token exists, is enabled, and has not expired."""
        user = self.users.get(owner_of(who))
        token = self.tokens.get(who, {}) if "!" in who else {}
        if user is None or not user.get("enable", 1) or ("!" in who and who not in self.tokens):
            return False
        return all(not each.get("expire") or each["expire"] > time.time() for each in (user, token))

    # Changes that reach further than one object.

    def delete_user(self, user: str) -> None:
        """A user's tokens, memberships and ACL entries go with it."""
        del self.users[user]
        for name in self.tokens_of(user):
            self.delete_token(f"{user}!{name}")
        for members in self.members.values():
            members.discard(user)
        self.forget(("user", user))

    def delete_token(self, full: str) -> None:
        del self.tokens[full]
        self.forget(("token", full))

    def delete_group(self, group: str) -> None:
        del self.groups[group], self.members[group]
        self.forget(("group", group))

    def delete_role(self, role: str) -> None:
        del self.own_roles[role]
        for subjects in self.acl.values():
            for roles in subjects.values():
                roles.pop(role, None)

    def forget(self, subject: Subject) -> None:
        for subjects in self.acl.values():
            subjects.pop(subject, None)

    def grant(self, path: str, subject: Subject, role: str, propagate: int = 1) -> None:
        self.acl.setdefault(path, {}).setdefault(subject, {})[role] = propagate

    def revoke(self, path: str, subject: Subject, role: str) -> None:
        self.acl.get(path, {}).get(subject, {}).pop(role, None)

    # What a subject may do.

    def privileges(self, who: str, path: str, pools: Iterable[str] = ()) -> dict[str, int]:
        """Privilege to propagate flag; ``pools`` are those that the object of the path is in."""
        if who == ROOT:
            return dict.fromkeys(PRIVILEGES, 1)
        token = self.tokens.get(who)
        if "!" in who:
            if token is None:
                return {}
            of_user = self.privileges(owner_of(who), path, pools)
            if not token["privsep"]:
                return of_user
            own = self._own_privileges(who, path, pools)
            return {name: propagate for name, propagate in own.items() if name in of_user}
        return self._own_privileges(who, path, pools)

    def _own_privileges(self, who: str, path: str, pools: Iterable[str]) -> dict[str, int]:
        roles = self._roles(who, path)
        for pool in pools:
            for role, propagate in self._roles(who, f"/pool/{pool}").items():
                roles.setdefault(role, propagate)
        if NO_ACCESS in roles:
            return {}
        held: dict[str, int] = {}
        for role, propagate in roles.items():
            for privilege in self.roles.get(role, ()):
                held[privilege] = max(propagate, held.get(privilege, 0))
        return held

    def _roles(self, who: str, path: str) -> dict[str, int]:
        nearest: dict[str, int] = {}
        parts = [part for part in path.split("/") if part]
        for depth in range(len(parts) + 1):
            subjects = self.acl.get("/" + "/".join(parts[:depth]), {})
            for candidates in self._subjects(who):
                found = {
                    role: propagate
                    for subject in candidates
                    for role, propagate in subjects.get(subject, {}).items()
                    if propagate or depth == len(parts)
                }
                if found:
                    nearest = found
                    break
        return {NO_ACCESS: nearest[NO_ACCESS]} if NO_ACCESS in nearest else nearest

    def _subjects(self, who: str) -> list[list[Subject]]:
        if "!" in who:
            return [[("token", who)]]
        return [[("user", who)], [("group", group) for group in self.groups_of(who)]]

    def paths(self) -> list[str]:
        """The paths for which ``GET /access/permissions`` gives privileges, apart from pools and what they hold."""
        return sorted({*_TOP, *(path for path, subjects in self.acl.items() if any(subjects.values()))})
