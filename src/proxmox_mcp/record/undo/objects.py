"""Objects of the configuration that are made, changed and deleted by one set of endpoints each.

What a GET shows is sent back as far as the endpoint takes it; the schema in force decides that, so a version that knows
fewer parameters is sent fewer.
"""

# Tested through tests/record/test_undo_recorded.py and tests/gateway/test_undo_whole_cluster.py.

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from msgspec import Struct, field
from msgspec.structs import replace

from proxmox_mcp.record.secret_patterns import is_secret_name, secrets_below
from proxmox_mcp.record.undo.model import (
    NEW,
    Get,
    Inverse,
    InverseCall,
    Made,
    Recipe,
    filled,
    is_on,
    listed,
    none,
    once,
    shows_secret,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from proxmox_mcp.apidoc import Schema
    from proxmox_mcp.record.undo.model import Case, Companion, State

CONTROLS = frozenset({"delete", "digest", "lock-token", "append", "rename", "force", "purge", "revert"})
"""Parameters that say how to write; they are not values of the object."""


Unset = Literal["delete", "blank", "all"]
"""How a PUT takes a value away: by ``delete``, by an empty text, or since it replaces all that it does not name."""


class Thing(Struct, frozen=True, kw_only=True):
    """One kind of object. Templates have ``{}`` for each path parameter.

    ``made`` is where POST makes it, empty for what is always there; ``named`` the parameter of POST that names it,
    empty where the path does. ``at`` is the object itself, shown by GET; ``shape`` makes values of the answer.

    ``blank`` holds what is sent for values that are unset, where that is not an empty text. ``unsent`` is shown and
    never sent. ``final`` are parameters with which a write has no way back, and why. ``remove`` goes with the DELETE.
    ``seen`` is the template of the GET where it is not ``at``; ``unseen`` names secrets that an object of these values
    has and no GET shows; ``masked`` those that a GET shows where they are set. ``withheld`` tells whether an object of
    these values can't be made without them. ``always`` is needed by every PUT, though the schema does not say so.
    """

    what: str
    made: str
    at: str
    named: str = ""
    unset: Unset = "delete"
    blank: Mapping[str, Any] = field(default_factory=dict)
    unsent: frozenset[str] = frozenset()
    final: Mapping[str, str] = field(default_factory=dict)
    remove: Mapping[str, Any] = field(default_factory=dict)
    shape: Callable[[Any], Any] = lambda shown: shown
    seen: str = ""
    unseen: Callable[[Mapping[str, Any]], tuple[str, ...]] = lambda _shown: ()
    masked: frozenset[str] = frozenset()
    always: tuple[str, ...] = ()
    withheld: Callable[[Mapping[str, Any]], bool] = lambda _shown: False
    companions: tuple[Companion, ...] = ()

    def shown(self, names: tuple[str, ...], state: State) -> dict[str, Any] | None:
        """The object as it was read; None where it was not read, or isn't an object."""
        answer = state.get(self.get(names))
        if answer is None:
            return None
        values = self.shape(answer)
        return values if isinstance(values, dict) else None

    def get(self, names: tuple[str, ...]) -> Get:
        return Get(filled(self.seen or self.at, *names))

    def path(self, names: tuple[str, ...]) -> str:
        return filled(self.at, *names)


def sendable(value: Any, schema: Schema) -> Any:
    """A value that a GET showed, as it can be sent: members of a list that are objects become property strings."""
    if isinstance(value, list | tuple):
        return [_property_string(each) if isinstance(each, dict) else each for each in value]
    if schema.type == "boolean" and str(value).lower() in ("on", "off", "yes", "no", "true", "false"):
        return int(is_on(value))
    return value


def _property_string(value: Mapping[str, Any]) -> str:
    return ",".join(f"{key}={each}" for key, each in value.items())


def split(
    values: Mapping[str, Any], names: Iterable[str], parameters: Mapping[str, Schema], unsent: frozenset[str]
) -> tuple[dict[str, Any], list[str]]:
    """Of these values those that can be sent, and the names of those that are secret, which can't."""
    sent: dict[str, Any] = {}
    lost: list[str] = []
    for name in names:
        if name in unsent or name in CONTROLS or values.get(name) is None:
            continue
        schema = parameter(parameters, name)
        if schema is None:
            continue
        if shows_secret(values[name]):
            lost.append(name)
        else:
            sent[name] = sendable(values[name], schema)
    return sent, lost


def parameter(parameters: Mapping[str, Schema], name: str) -> Schema | None:
    """The schema of a parameter, ``net3`` by ``net[n]``."""
    found = parameters.get(name)
    return found if found is not None else parameters.get(f"{name.rstrip('0123456789')}[n]")


def touched(case: Case) -> list[str]:
    """The values that a PUT sets or takes away."""
    given = [name for name in case.data if name not in CONTROLS]
    return list(dict.fromkeys([*given, *listed(case.data.get("delete"))]))


class Created(Recipe, frozen=True):
    """POST of an object is undone by DELETE."""

    thing: Thing

    def created(self, case: Case) -> Made | None:
        names = self._names(case)
        settable = case.parameters("PUT", self.thing.at)
        return Made(self.thing.get(names), settable) if settable and NEW not in names else None

    def _names(self, case: Case) -> tuple[str, ...]:
        thing = self.thing
        if not thing.named:
            return case.names
        schema = case.parameters("POST", thing.made).get(thing.named)
        return (*case.names, str(case.data.get(thing.named) or (schema and schema.default) or NEW))

    def inverse(self, case: Case) -> Inverse:
        thing, names = self.thing, self._names(case)
        path = filled(thing.at, *names)
        taken = case.parameters("DELETE", thing.at)
        data = {name: value for name, value in thing.remove.items() if name in taken}
        why = f"deletes {thing.what} {names[-1]}"
        return Inverse("delete-created", (InverseCall("DELETE", path, data, why),))


class Updated(Recipe, frozen=True):
    """PUT of an object is undone by PUT of the values before. An object that the PUT made unreadable is made again."""

    remade: ClassVar[bool] = True

    thing: Thing
    method: str = "PUT"

    def wanted(self, case: Case) -> tuple[Get, ...]:
        return (self.thing.get(case.names),)

    def inverse(self, case: Case) -> Inverse:
        thing, names = self.thing, case.names
        for name, reason in thing.final.items():
            if is_on(case.data.get(name)):
                return none(reason)
        shown = thing.shown(names, case.before)
        if shown is None:
            return none(f"{thing.what} was not read before")
        if case.after is not None and thing.made and case.after.state.get(thing.get(names), shown) is None:
            return Deleted(replace(thing, companions=())).inverse(replace(case, after=None))
        taken = case.parameters(self.method, thing.at)
        changed = touched(case)
        secret = {name for name in changed if is_secret_name(name) or name in secrets_below(case.call.template).names}
        lost = [name for name in changed if name in secret and (name in shown or name not in thing.masked)]
        restored = shown if thing.unset == "all" else changed
        data, masked = split(shown, (name for name in restored if name not in lost), taken, thing.unsent)
        gone = [name for name in changed if shown.get(name) is None and name in case.data and name in taken]
        data |= _taking_away(thing, [name for name in gone if name not in lost], taken)
        lost += masked
        if not data:
            return none(_only(lost) if lost else "it sets nothing that can be read")
        data |= _required(shown, taken, data, thing, case.path_parameters)
        why = f"restores {thing.what} {names[-1]}" if names else f"restores {thing.what}"
        return Inverse("restore", (InverseCall(self.method, thing.path(names), data, why),), tuple(once(lost)))


def _taking_away(thing: Thing, names: list[str], taken: Mapping[str, Schema]) -> dict[str, Any]:
    blank = {name: thing.blank[name] for name in names if name in thing.blank}
    rest = [name for name in names if name not in blank]
    if not rest or thing.unset == "all":
        return blank
    if thing.unset == "delete" and "delete" in taken:
        return {**blank, "delete": rest}
    return {**blank, **dict.fromkeys(rest, "")}


def _required(
    shown: Mapping[str, Any], taken: Mapping[str, Schema], data: Mapping[str, Any], thing: Thing, own: tuple[str, ...]
) -> dict[str, Any]:
    """What the endpoint takes no call without, or not these values."""
    needed = {name for name, schema in taken.items() if not schema.optional}
    needed |= {schema.requires for name in data if (schema := parameter(taken, name)) and schema.requires}
    names = [name for name in (*thing.always, *sorted(needed)) if name not in data and name not in own]
    return split(shown, names, taken, thing.unsent)[0]


def _only(secrets: list[str]) -> str:
    return f"secrets are not kept: {', '.join(secrets)}"


class Deleted(Recipe, frozen=True):
    """DELETE of an object is undone by POST of what it was, and of what went with it."""

    remade: ClassVar[bool] = True

    thing: Thing

    def wanted(self, case: Case) -> tuple[Get, ...]:
        names = case.names
        also = [get for each in self.thing.companions for get in each.wanted(names, case.before)]
        return (self.thing.get(names), *also)

    def inverse(self, case: Case) -> Inverse:
        thing, names = self.thing, case.names
        shown = thing.shown(names, case.before)
        if shown is None:
            return none(f"{thing.what} was not read before")
        also_read = [get for each in thing.companions for get in each.wanted(names, case.before)]
        taken = case.parameters("POST", thing.made)
        if not taken:
            return none(f"this version of Proxmox VE can't make {thing.what} again")
        own = {thing.named: names[-1]} if thing.named else {}
        data, lost = split(shown, (name for name in shown if name not in own), taken, thing.unsent)
        lost += thing.unseen(shown)
        missing = [name for name in lost if name in taken and not taken[name].optional]
        if thing.withheld(shown):
            missing = lost
        if missing:
            return none(_only(missing))
        path = filled(thing.made, *(names[:-1] if thing.named else names))
        again = InverseCall("POST", path, {**own, **data}, f"makes {thing.what} {names[-1]} again")
        also = [made for each in thing.companions for made in each.calls(names, case)]
        lost += [*(f"what {get.name} held" for get in also_read if get not in case.before)]
        lost += [each for companion in thing.companions for each in companion.lost(names, case.before)]
        return Inverse("create-again", (again, *also), tuple(once(lost)))
