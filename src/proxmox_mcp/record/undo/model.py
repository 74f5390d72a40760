"""The values of undoing: what is read before a write, and the calls that take the write back."""

# Tested through tests/record/undo/test_cascade.py and tests/record/test_undo_recorded.py.

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from msgspec import Struct, field

from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.record.secret_patterns import HIDDEN

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from proxmox_mcp.apidoc import Schema
    from proxmox_mcp.apidoc.reviews import UndoKind
    from proxmox_mcp.policy.call import Call

NEW = "(new)"
"""Stands for an id that Proxmox makes up, until it is known."""


class Get(Struct, frozen=True):
    """One GET that tells a state: the encoded path, and the parameters of its query."""

    path: str
    query: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """``/pools?poolid=prod``."""
        query = "&".join(f"{name}={value}" for name, value in self.query)
        return f"{self.path}?{query}" if query else self.path


ACL = Get("/access/acl")


State = Mapping[Get, Any]
"""What GETs answered, secrets taken out: None where there is no such thing. What could not be read is not in it."""

Parameters = Callable[[str, str], Mapping[str, "Schema"]]
"""The parameters of an endpoint, by method and template with ``{}`` for each path parameter; empty where the cluster's
version has no such endpoint."""


class InverseCall(Struct, frozen=True):
    """One call of an undo. ``path`` is encoded; ``data`` holds JSON values, which the check encodes as for any call.
    ``why`` says in a few words what the call brings back."""

    method: str
    path: str
    data: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""


DISK_TAKEN = frozenset({"detach", "replace"})
"""Forms of writes that take a volume out of a guest, which keeps it as ``unusedN``."""

Reach = Literal["whole", "partly", "none"]


class Inverse(Struct, frozen=True):
    """How one call is undone: the calls in the order in which they are sent, what they don't bring back (``lost``), or
    the ``reason`` why it can't be undone. ``proven``: a recording or a test shows this kind."""

    kind: UndoKind
    calls: tuple[InverseCall, ...] = ()
    lost: tuple[str, ...] = ()
    reason: str = ""
    forms: frozenset[str] = frozenset()
    proven: bool = False

    @property
    def reach(self) -> Reach:
        if not self.calls:
            return "none"
        return "partly" if self.lost else "whole"

    @property
    def relieves(self) -> bool:
        """Whether the call loses nothing for good: then it is no ``destroy``, once the state before is on disk.

        A guest that loses a disk in use may lose what it had not written yet, whatever comes back.
        """
        return self.proven and self.reach == "whole" and self.forms.isdisjoint(DISK_TAKEN)

    @property
    def says(self) -> str:
        """``can be undone``, ``can be undone partly (not: the password)``, ``cannot be undone (reason)``."""
        match self.reach:
            case "none":
                return f"cannot be undone ({self.reason})"
            case "partly":
                said = f"can be undone partly (not: {', '.join(self.lost)})"
            case _:
                said = "can be undone"
        return said if self.proven else f"{said}, untested"


class After(Struct, frozen=True):
    """What is known once a call was sent: what Proxmox answered, and the GETs of before as they answer now."""

    answer: Any = None
    state: State = field(default_factory=dict)


class Case(Struct, frozen=True):
    """One write and what is known of it: the state ``before`` it, the ``parameters`` of the cluster's endpoints, and
    what there is ``after`` it, None before it was sent: ids that Proxmox makes up are then ``NEW`` in a path."""

    call: Call
    before: State
    parameters: Parameters
    after: After | None = None

    @property
    def path_parameters(self) -> tuple[str, ...]:
        return self.call.endpoint.path_parameters if self.call.endpoint else ()

    @property
    def names(self) -> tuple[str, ...]:
        """The values of the path parameters, in order: their names differ between versions."""
        return tuple(self.call.path_params[name] for name in self.path_parameters)

    @property
    def data(self) -> Mapping[str, Any]:
        return self.call.data

    @property
    def path(self) -> str:
        return self.call.path.encoded


class Made(Struct, frozen=True):
    """What shows an object that a call has made: ``get``, and the parameters (``settable``) that can change it."""

    get: Get
    settable: Mapping[str, Schema]


class Recipe(Struct, frozen=True):
    """How the calls of one endpoint are undone. ``remade``: the calls depend on what is there when it is undone, so
    they are made again then."""

    remade: ClassVar[bool] = False

    def wanted(self, case: Case) -> tuple[Get, ...]:
        """What has to be read before the call, given what is in ``before`` already; asked until nothing is new."""
        return ()

    def created(self, case: Case) -> Made | None:
        """What shows the object that the call has made, by its parameters alone; None where no GET shows just that."""
        return None

    def inverse(self, case: Case) -> Inverse:
        """The calls that undo it."""
        raise NotImplementedError


class Companion(Struct, frozen=True):
    """What goes with an object, beside it: rights on it, its place in others. ``names`` are its path parameters."""

    def wanted(self, names: tuple[str, ...], known: State) -> tuple[Get, ...]:
        """What has to be read before the object is deleted."""
        raise NotImplementedError

    def calls(self, names: tuple[str, ...], case: Case) -> tuple[InverseCall, ...]:
        """What brings it back once the object is there again."""
        return ()

    def lost(self, names: tuple[str, ...], before: State) -> tuple[str, ...]:
        """What does not come back."""
        return ()


def none(reason: str) -> Inverse:
    """No way back, and why."""
    return Inverse("none", reason=reason)


def filled(template: str, *values: str) -> str:
    """The encoded path of a template with its path parameters filled in."""
    remaining = iter(values)
    parts = [next(remaining) if part.startswith("{") else part for part in template.split("/") if part]
    return ApiPath.of(parts).encoded


def listed(value: object) -> list[str]:
    """A list as Proxmox takes it: ``a,b;c``, or several values."""
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return [each for member in value for each in listed(member)]
    return [part for part in re.split(r"[\s,;\0]+", str(value)) if part]


def is_on(value: object) -> bool:
    """Whether a boolean of Proxmox is set."""
    return str(value).lower() in ("1", "true", "yes", "on")


def rows(before: State, get: Get) -> list[dict[str, Any]] | None:
    """The rows of a list; None where it was not read."""
    answer = before.get(get)
    if not isinstance(answer, list):
        return None
    return [row for row in answer if isinstance(row, dict)]


def shows_secret(value: object) -> bool:
    """Whether a value as it was recorded lacks a secret that was in it, or that Proxmox itself masks."""
    if isinstance(value, Mapping):
        return any(map(shows_secret, value.values()))
    if isinstance(value, list | tuple):
        return any(map(shows_secret, value))
    return isinstance(value, str) and (HIDDEN in value or (len(value) > 3 and not value.strip("*")))


def once(names: Iterable[str]) -> Iterator[str]:
    yield from dict.fromkeys(names)
