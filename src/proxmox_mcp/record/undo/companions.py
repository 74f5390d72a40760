"""What goes with an object that is deleted, and how it comes back: rights, members, tokens, places in pools."""

# Tested through tests/record/test_undo_recorded.py and tests/gateway/test_undo_whole_cluster.py.

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from proxmox_mcp.record.undo.model import ACL, Companion, Get, InverseCall, filled, is_on, listed, rows

if TYPE_CHECKING:
    from proxmox_mcp.record.undo.model import Case, State

_SUBJECTS = {"user": "users", "group": "groups", "token": "tokens"}


def acl_call(entry: dict[str, Any]) -> InverseCall:
    """The call that grants an entry of the list of rights again."""
    who = str(entry.get("ugid"))
    data = {
        "path": entry["path"],
        "roles": entry["roleid"],
        _SUBJECTS.get(str(entry.get("type")), "users"): who,
        "propagate": int(is_on(entry.get("propagate", 1))),
    }
    return InverseCall("PUT", "/access/acl", data, f"grants {who} {entry['roleid']} on {entry['path']}")


class AclEntries(Companion, frozen=True):
    """Entries of the access control list: those of a subject, of a role, or on the object's own path."""

    of: Literal["user", "group", "token", "role", "path"]
    path: str = ""

    def wanted(self, names: tuple[str, ...], known: State) -> tuple[Get, ...]:
        return (ACL,)

    def calls(self, names: tuple[str, ...], case: Case) -> tuple[InverseCall, ...]:
        return tuple(acl_call(entry) for entry in rows(case.before, ACL) or () if self._is_of(entry, names))

    def _is_of(self, entry: dict[str, Any], names: tuple[str, ...]) -> bool:
        who, kind = str(entry.get("ugid")), entry.get("type")
        match self.of:
            case "role":
                return entry.get("roleid") == names[-1]
            case "path":
                return bool(entry.get("path") == self.path.format(*names))
            case "token":
                return kind == "token" and who == "!".join(names)
            case "user":
                return (kind == "user" and who == names[-1]) or (kind == "token" and who.startswith(f"{names[-1]}!"))
            case "group":
                return kind == "group" and who == names[-1]


class Tokens(Companion, frozen=True):
    """A user's tokens. Their rights come with the user's; their values don't come back."""

    def wanted(self, names: tuple[str, ...], known: State) -> tuple[Get, ...]:
        return (Get(filled("/access/users/{}/token", *names)),)

    def calls(self, names: tuple[str, ...], case: Case) -> tuple[InverseCall, ...]:
        return tuple(
            InverseCall(
                "POST",
                filled("/access/users/{}/token/{}", *names, str(token["tokenid"])),
                {key: token[key] for key in ("comment", "expire", "privsep") if token.get(key) is not None},
                f"makes the token {token['tokenid']} again, with a new value",
            )
            for token in self._rows(names, case.before)
        )

    def lost(self, names: tuple[str, ...], before: State) -> tuple[str, ...]:
        return ("token values",) if self._rows(names, before) else ()

    def _rows(self, names: tuple[str, ...], before: State) -> list[dict[str, Any]]:
        return rows(before, self.wanted(names, before)[0]) or []


class SecondFactors(Companion, frozen=True):
    """A user's second factors, which no call brings back."""

    def wanted(self, names: tuple[str, ...], known: State) -> tuple[Get, ...]:
        return (Get(filled("/access/tfa/{}", *names)),)

    def lost(self, names: tuple[str, ...], before: State) -> tuple[str, ...]:
        return ("second factors",) if rows(before, self.wanted(names, before)[0]) else ()


class Members(Companion, frozen=True):
    """The users of a group."""

    def wanted(self, names: tuple[str, ...], known: State) -> tuple[Get, ...]:
        return (Get(filled("/access/groups/{}", *names)),)

    def calls(self, names: tuple[str, ...], case: Case) -> tuple[InverseCall, ...]:
        answer = case.before.get(self.wanted(names, case.before)[0])
        members = listed(answer.get("members")) if isinstance(answer, dict) else []
        return tuple(
            InverseCall(
                "PUT",
                filled("/access/users/{}", member),
                {"groups": [names[-1]], "append": 1},
                f"puts {member} into the group {names[-1]} again",
            )
            for member in sorted(members)
        )


class RulesOfResource(Companion, frozen=True):
    """The rules of high availability that name a resource: a rule that named no other went with it."""

    def wanted(self, names: tuple[str, ...], known: State) -> tuple[Get, ...]:
        return (_RULES,)

    def calls(self, names: tuple[str, ...], case: Case) -> tuple[InverseCall, ...]:
        """A rule that named nothing else may be gone: then it is made again."""
        there = rows(case.after.state, _RULES) if case.after is not None else None
        kept = None if there is None else {str(rule.get("rule")) for rule in there}
        return tuple(
            _rule_with(rule, names[-1], gone=kept is not None and str(rule.get("rule")) not in kept)
            for rule in rows(case.before, _RULES) or ()
            if names[-1] in listed(rule.get("resources"))
        )


_RULES = Get("/cluster/ha/rules")


def _rule_with(rule: dict[str, Any], sid: str, *, gone: bool) -> InverseCall:
    why = f"puts {sid} into the rule {rule['rule']} again"
    if gone:
        kept = ("rule", "type", "resources", "nodes", "strict", "affinity", "comment", "disable")
        return InverseCall("POST", "/cluster/ha/rules", {key: rule[key] for key in kept if key in rule}, why)
    data = {"type": rule.get("type"), "resources": ",".join(listed(rule.get("resources")))}
    return InverseCall("PUT", filled("/cluster/ha/rules/{}", str(rule["rule"])), data, why)


class Pools(Companion, frozen=True):
    """The pools that hold a storage."""

    def wanted(self, names: tuple[str, ...], known: State) -> tuple[Get, ...]:
        pools = rows(known, Get("/pools"))
        if pools is None:
            return (Get("/pools"),)
        return (Get("/pools"), *(_pool(str(row.get("poolid"))) for row in pools))

    def calls(self, names: tuple[str, ...], case: Case) -> tuple[InverseCall, ...]:
        calls = []
        for row in rows(case.before, Get("/pools")) or ():
            pool = str(row.get("poolid"))
            members = [
                each.get("storage") for shown in rows(case.before, _pool(pool)) or () for each in shown["members"]
            ]
            if names[-1] in members:
                data = {"poolid": pool, "storage": names[-1]}
                calls.append(InverseCall("PUT", "/pools", data, f"puts {names[-1]} into the pool {pool} again"))
        return tuple(calls)


def _pool(name: str) -> Get:
    return Get("/pools", (("poolid", name),))
