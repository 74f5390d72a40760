"""Firewalls: rules, which are told by their position, and named sets, which a write may rename.

``PVE::API2::Firewall::Rules`` puts a new rule always on top, whatever ``pos`` says, and takes ``moveto`` as the place
before which a rule lands; with ``moveto`` it ignores all other values.
"""

# Tested through tests/record/test_undo_recorded.py and tests/gateway/test_undo_whole_cluster.py.

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from proxmox_mcp.record.undo.model import Get, Inverse, InverseCall, Recipe, filled, none, rows
from proxmox_mcp.record.undo.objects import split, touched

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.record.undo.model import Case, State

_SHOWN_ONLY = frozenset({"pos", "digest", "ipversion"})


class RuleCreated(Recipe, frozen=True):
    """POST of a rule, undone by DELETE of the rule where it then is."""

    remade: ClassVar[bool] = True

    listed: str

    def wanted(self, case: Case) -> tuple[Get, ...]:
        return (Get(filled(self.listed, *case.names)),)

    def inverse(self, case: Case) -> Inverse:
        names = case.names
        get = Get(filled(self.listed, *names))
        position: int | None = 0
        if case.after is not None:
            known = rows(case.before, get)
            there = rows(case.after.state, get)
            if known is None or there is None:
                return none("the rules were not read")
            position = _position_of_new(known, there, case.data)
            if position is None:
                return none("the rule is not found any more, or there are several like it")
        path = filled(f"{self.listed}/{{}}", *names, str(position))
        return Inverse("delete-created", (InverseCall("DELETE", path, {}, f"deletes the rule at position {position}"),))


def _position_of_new(before: list[dict[str, Any]], now: list[dict[str, Any]], made: Mapping[str, Any]) -> int | None:
    """Where the rule is that was made: one that was not there before, with the values that were given."""
    known = [_bare(rule) for rule in before]
    new: list[int] = []
    for position, rule in enumerate(now):
        bare = _bare(rule)
        if bare in known:
            known.remove(bare)
        else:
            new.append(position)
    given = {name: str(value) for name, value in made.items() if name not in _SHOWN_ONLY}
    fitting = [each for each in new if all(_bare(now[each]).get(name) == value for name, value in given.items())]
    if len(fitting) > 1 and all(_bare(now[each]) == _bare(now[fitting[0]]) for each in fitting):
        return fitting[0]  # Any of several that are alike.
    if not new and len(now) == len(before) + 1:
        return 0  # Like one that was there; a new rule is put on top.
    return fitting[0] if len(fitting) == 1 else None


def _bare(rule: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in rule.items() if name not in _SHOWN_ONLY and value is not None}


class RuleUpdated(Recipe, frozen=True):
    """PUT of a rule: its values, or its place."""

    listed: str

    def wanted(self, case: Case) -> tuple[Get, ...]:
        return (Get(filled(self.listed, *case.names[:-1])),)

    def inverse(self, case: Case) -> Inverse:
        names = case.names
        found = _rule(case.before, Get(filled(self.listed, *names[:-1])), names[-1])
        if found is None:
            return none("the rule was not read before")
        one = f"{self.listed}/{{}}"
        position = int(names[-1])
        if (target := case.data.get("moveto")) is not None:
            there = int(str(target))
            now = there - 1 if there > position else there
            back = position if now > position else position + 1
            moved = InverseCall(
                "PUT",
                filled(one, *names[:-1], str(now)),
                {"moveto": back},
                f"moves the rule back to position {position}",
            )
            return Inverse("restore", (moved,) if now != position else (), reason="it stays where it is", forms=_MOVED)
        taken = case.parameters("PUT", one)
        changed = touched(case)
        data, _ = split(found, changed, taken, _SHOWN_ONLY)
        gone = [name for name in changed if name in case.data and found.get(name) is None]
        if gone:
            data["delete"] = gone
        why = f"restores the rule at position {position}"
        return Inverse("restore", (InverseCall("PUT", filled(one, *names), data, why),) if data else (), reason="")


_MOVED = frozenset({"move"})


class RuleDeleted(Recipe, frozen=True):
    """DELETE of a rule, undone by POST, and by a move to its place where that is not the top."""

    listed: str

    def wanted(self, case: Case) -> tuple[Get, ...]:
        return (Get(filled(self.listed, *case.names[:-1])),)

    def inverse(self, case: Case) -> Inverse:
        names = case.names
        found = _rule(case.before, Get(filled(self.listed, *names[:-1])), names[-1])
        if found is None:
            return none("the rule was not read before")
        where = filled(self.listed, *names[:-1])
        data, _ = split(found, list(found), case.parameters("POST", self.listed), _SHOWN_ONLY)
        calls = [InverseCall("POST", where, data, "makes the rule again")]
        if (position := int(names[-1])) > 0:
            top = filled(f"{self.listed}/{{}}", *names[:-1], "0")
            why = f"moves it back to position {position}"
            calls.append(InverseCall("PUT", top, {"moveto": position + 1}, why))
        return Inverse("create-again", tuple(calls))


def _rule(before: State, get: Get, position: str) -> dict[str, Any] | None:
    found = [rule for rule in rows(before, get) or () if str(rule.get("pos")) == position]
    return found[0] if found else None


class NamedList(Recipe, frozen=True):
    """A set of addresses or a group of rules: POST makes it, or renames it and changes its comment (``rename``)."""

    what: str
    made: str
    named: str

    def wanted(self, case: Case) -> tuple[Get, ...]:
        return (Get(filled(self.made, *case.names)),) if case.data.get("rename") else ()

    def inverse(self, case: Case) -> Inverse:
        names, new = case.names, str(case.data.get(self.named))
        where = filled(self.made, *names)
        old = case.data.get("rename")
        if not old:
            path = filled(f"{self.made}/{{}}", *names, new)
            return Inverse("delete-created", (InverseCall("DELETE", path, {}, f"deletes {self.what} {new}"),))
        shown = [row for row in rows(case.before, Get(where)) or () if row.get(self.named) == old]
        if not shown:
            return none(f"{self.what} was not read before")
        data = {self.named: old, "rename": new, "comment": shown[0].get("comment", "")}
        back = InverseCall("POST", where, data, f"names {self.what} {old} again")
        return Inverse("restore", (back,), forms=frozenset({"rename"}))


class NamedDeleted(Recipe, frozen=True):
    """DELETE of a set of addresses (with what it holds) or of an empty group of rules."""

    what: str
    made: str
    named: str
    members: bool = False

    def wanted(self, case: Case) -> tuple[Get, ...]:
        names = case.names
        held = (Get(filled(f"{self.made}/{{}}", *names)),) if self.members else ()
        return (Get(filled(self.made, *names[:-1])), *held)

    def inverse(self, case: Case) -> Inverse:
        names = case.names
        listed, held = Get(filled(self.made, *names[:-1])), Get(filled(f"{self.made}/{{}}", *names))
        shown = [row for row in rows(case.before, listed) or () if row.get(self.named) == names[-1]]
        entries = rows(case.before, held) if self.members else []
        if not shown or entries is None:
            return none(f"{self.what} was not read before")
        data = {self.named: names[-1]} | ({"comment": shown[0]["comment"]} if shown[0].get("comment") else {})
        calls = [InverseCall("POST", listed.path, data, f"makes {self.what} {names[-1]} again")]
        taken = case.parameters("POST", f"{self.made}/{{}}")
        for entry in reversed(entries):  # A new entry is put on top.
            sent, _ = split(entry, list(entry), taken, _SHOWN_ONLY)
            calls.append(InverseCall("POST", held.path, sent, f"adds {entry.get('cidr')} again"))
        return Inverse("create-again", tuple(calls))


class Replaced(Recipe, frozen=True):
    """PUT of an alias or an address of a set, which drops what it does not name; an alias may be renamed by it."""

    what: str
    at: str

    def wanted(self, case: Case) -> tuple[Get, ...]:
        return (Get(filled(self.at, *case.names)),)

    def inverse(self, case: Case) -> Inverse:
        names = case.names
        shown = case.before.get(Get(filled(self.at, *names)))
        if not isinstance(shown, dict):
            return none(f"{self.what} was not read before")
        taken = case.parameters("PUT", self.at)
        data, _ = split(shown, list(shown), taken, _SHOWN_ONLY | {"name"})
        if "nomatch" in case.data:
            data.setdefault("nomatch", 0)
        new = str(case.data.get("rename") or names[-1])
        if new != names[-1]:
            data["rename"] = names[-1]
        why = f"restores {self.what} {names[-1]}"
        return Inverse("restore", (InverseCall("PUT", filled(self.at, *names[:-1], new), data, why),))
