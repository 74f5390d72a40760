"""What each call does, as reviewed data: the files of ``apidoc/effects``, one per area.

    PUT|POST /nodes/{node}/qemu/{vmid}/config
      change: update_vm writes the configuration                           effects of the call, and why
      undo restore: PUT the values read before                             how the call is undone
      undo-lost: passwords                                                 what undo does not bring back
      cascade: the guest's firewall, ACLs and pool membership              what goes with it
      targets: guest node                                                  it may hit more of these than it names
      targets @all =1: guest                                               the same, only under this condition
      @protection =0: expose: lifts the protection against deletion        a parameter with a condition

``destroy for good`` is what does not come back when the call is undone: backups that a retention removed meanwhile.
``METHOD|METHOD`` and ``(a|b)`` in a path are alternatives; ``, `` joins several calls in a head. ``-`` in place of
effects: reviewed, adds none. A head ``PARAMETERS PUT|POST /path`` begins parameters that several calls have in common;
their lines apply together with those of the calls' own entries. ``PARAMETERS PUT|POST`` without a path is about all
calls of these methods, for parameters of which nothing else is said. Several lines of one parameter apply together.
Lines that begin with ``#`` are comments.

Conditions, joined by ``and``; without one a line applies whenever the parameter is given:

    =a|b   !=a|b        the text as Proxmox gets it (booleans are 1 and 0) or a member of it is one of these, or another
    ~REGEX              a member of the value matches (Python's syntax, whole member)
    empty  absent       given without a value; not given, so that the default acts
    .key=a|b  .key!=a|b  .key~REGEX  .key  .key-absent    a key of a property string, its default key too
    is NAME             a predicate in code (``policy.predicates``)
    NAME  NAME =a  NAME absent    the same of another parameter of the call, also one of its path
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, cast, get_args

from msgspec import Struct, field
from msgspec.structs import replace

from proxmox_mcp.apidoc.data_files import data_directory
from proxmox_mcp.apidoc.reviews import (
    Condition,
    Effect,
    Finding,
    Reach,
    Review,
    Reviews,
    Target,
    Undo,
    UndoKind,
    alternatives,
    call_key,
)
from proxmox_mcp.errors import ApidocFormatError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


_METHODS = "(?:GET|POST|PUT|DELETE)"
_HEAD = re.compile(rf"({_METHODS}(?:\|{_METHODS})*)(?: (/\S*))?")
_NAME = r"[A-Za-z_][\w.-]*(?:\[n\])?"
_WHERE = rf"@({_NAME}(?: {_NAME})*?)(?: ((?:[=~.!]|is |empty|absent|and ).*?))?"
_PARAMETER = re.compile(rf"{_WHERE}: ([a-z, -]+): (.+)")
_REACH = re.compile(rf"targets(?: {_WHERE})?: ([a-z -]+)")
_UNDO = re.compile(r"undo ([a-z-]+): (.+)")
_FINDING = re.compile(r"(-|[a-z ]+(?:, [a-z ]+)*): (.+)")
_FOR_GOOD = "destroy for good"
_CONDITION = re.compile(
    rf"(?:({_NAME})(?: |$))?(?:(?:\.([\w-]+?))?(?:(!=|=|~)(\S*)|-(absent))?|(empty|absent)|is ([a-z-]+))"
)


class _Entry(Struct, frozen=True):
    """One entry as it is written: what its head names, and its lines with their numbers."""

    file: Path
    number: int
    keys: tuple[str, ...]
    methods: tuple[str, ...]
    shared: bool
    lines: list[tuple[int, str]] = field(default_factory=list)

    def read(self) -> _Draft:
        """Raises ApidocFormatError for a line of no known form, and for an entry that lacks what a review must say."""
        draft = _Draft()
        for number, text in self.lines:
            try:
                _add(text, draft)
            except (ValueError, re.error) as fault:
                raise _fault(self.file, number, fault) from None
        if not self.shared and (missing := draft.missing(writes=any(method != "GET" for method in self.methods))):
            raise _fault(self.file, self.number, missing)
        return draft


class _Draft(Struct):
    """What is read of the lines of an entry."""

    findings: list[Finding] = field(default_factory=list)
    parameters: dict[str, list[Finding]] = field(default_factory=dict)
    undo: Undo | None = None
    lost: str = ""
    cascade: str = ""
    reach: list[Reach] = field(default_factory=list)

    def missing(self, *, writes: bool) -> str:
        """What a review must say and this does not; empty where it is whole."""
        if not self.findings:
            return "the entry has no line that says what the call does"
        if writes and self.undo is None:
            return "a write needs an `undo` line; `undo none: reason` where there is no way back"
        return ""

    def finished(self, area: str) -> Review:
        undo = Undo(self.undo.kind, self.undo.how, self.lost) if self.undo else None
        return Review(area, tuple(self.findings), _frozen(self.parameters), undo, self.cascade, tuple(self.reach))


class _Calls(Mapping[str, Review]):
    """The reviews of calls, each read when it is first asked for: reading all takes as long as the rest of a check."""

    def __init__(self, entries: Mapping[str, _Entry], shared: Mapping[str, Mapping[str, tuple[Finding, ...]]]) -> None:
        self._entries, self._shared = entries, shared
        self._of_entries: dict[int, Review] = {}
        """By the entry: its calls share one review, and are told together in the document of effects."""
        self._read: dict[str, Review] = {}

    def __getitem__(self, key: str) -> Review:
        if (review := self._read.get(key)) is not None:
            return review
        entry = self._entries[key]
        if (review := self._of_entries.get(id(entry))) is None:
            review = self._of_entries[id(entry)] = entry.read().finished(entry.file.stem)
        if also := self._shared.get(key):
            review = replace(review, parameters=_joined(review.parameters, also))
        self._read[key] = review
        return review

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


@cache
def bundled_effects() -> Reviews:
    """The reviews that are shipped with this version."""
    return _opened(data_directory() / "effects")


def load_effects(directory: Path) -> Reviews:
    """Read all files of a directory.

    Raises ApidocFormatError, with file and line, for a line of no known form, an endpoint that is reviewed twice, an
    unknown effect, undo kind or kind of target, and an entry without effects or (for a write) without undo.
    """
    reviews = _opened(directory)
    return Reviews(dict(reviews.calls), reviews.shared)


def _opened(directory: Path) -> Reviews:
    """The reviews of a directory, whose calls are read when they are asked for. Raises as ``load_effects`` does."""
    of_calls: dict[str, dict[str, tuple[Finding, ...]]] = {}
    of_methods: dict[str, dict[str, tuple[Finding, ...]]] = {}
    calls: dict[str, _Entry] = {}
    for entry in chain.from_iterable(_entries(path) for path in sorted(directory.glob("*.txt"))):
        if not entry.shared:
            calls.update(dict.fromkeys(entry.keys, entry))
            continue
        parameters = _frozen(entry.read().parameters)
        where, names = (of_calls, entry.keys) if entry.keys else (of_methods, entry.methods)
        for name in names:
            where[name] = _joined(where.get(name, {}), parameters)
    if lost := of_calls.keys() - calls.keys():
        raise ApidocFormatError(f"parameters of {min(lost)} are reviewed, but not the call itself")
    return Reviews(_Calls(calls, of_calls), of_methods)


def _entries(path: Path) -> Iterator[_Entry]:
    seen: set[str] = set()
    entry: _Entry | None = None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if not line.startswith(" "):
            if entry is not None:
                yield entry
            entry = _begin(path, number, text, seen)
        elif entry is None:
            raise _fault(path, number, "an indented line before the first entry")
        else:
            entry.lines.append((number, text))
    if entry is not None:
        yield entry


def _begin(path: Path, number: int, text: str, seen: set[str]) -> _Entry:
    shared = text.startswith("PARAMETERS ")
    methods: list[str] = []
    keys: list[str] = []
    for part in text.removeprefix("PARAMETERS ").split(", "):
        head = _HEAD.fullmatch(part)
        if head is None or not (shared or head[2]):
            raise _fault(path, number, f"neither 'METHOD /path' nor 'PARAMETERS METHOD': {text}")
        methods += head[1].split("|")
        paths = dict.fromkeys(alternatives(head[2])) if head[2] else ()
        keys += [call_key(method, path) for method in head[1].split("|") for path in paths]
    if not shared:
        if again := seen.intersection(keys):
            raise _fault(path, number, f"{min(again)} is reviewed above already")
        seen.update(keys)
    return _Entry(path, number, tuple(keys), tuple(methods), shared)


def _fault(path: Path, number: int, fault: object) -> ApidocFormatError:
    return ApidocFormatError(f"{path.name}, line {number}: {fault}")


def _add(text: str, draft: _Draft) -> None:
    if text.startswith("@"):
        _add_parameter(text, draft)
    elif found := _UNDO.fullmatch(text):
        if found[1] not in get_args(UndoKind):
            raise ValueError(f"unknown undo {found[1]}; known: {', '.join(get_args(UndoKind))}")
        draft.undo = Undo(cast("UndoKind", found[1]), found[2])
    elif text.startswith("undo-lost: "):
        draft.lost = text.removeprefix("undo-lost: ")
    elif text.startswith("cascade: "):
        draft.cascade = text.removeprefix("cascade: ")
    elif found := _REACH.fullmatch(text):
        draft.reach += _reach(found[1] or "", _conditions(found[2]), _targets(found[3].split()))
    elif found := _FINDING.fullmatch(text):
        draft.findings.append(_finding(found[1], found[2]))
    else:
        raise ValueError(f"not a line of a review: {text}")


def _add_parameter(text: str, draft: _Draft) -> None:
    found = _PARAMETER.fullmatch(text)
    if found is None:
        raise ValueError(f"not '@names condition: effects: why': {text}")
    finding = _finding(found[3].strip(), found[4], _conditions(found[2]))
    for name in found[1].split():
        draft.parameters.setdefault(name, []).append(finding)


def _reach(names: str, conditions: tuple[Condition, ...], kinds: frozenset[Target]) -> list[Reach]:
    return [Reach(kinds, name, conditions) for name in names.split() or [""]] if kinds else []


def _conditions(text: str | None) -> tuple[Condition, ...]:
    return tuple(map(_condition, text.removeprefix("and ").split(" and "))) if text else ()


def _condition(text: str) -> Condition:
    text = text.strip()
    if text in ("empty", "absent"):
        return Condition("absent" if text == "absent" else "empty")
    found = _CONDITION.fullmatch(text)
    if found is None or not text:
        raise ValueError(f"not a condition: {text}")
    parameter, key, sign, value, key_absent, bare, predicate = (each or "" for each in found.groups())
    if predicate:
        return Condition("predicate", values=(predicate,), parameter=parameter)
    if bare or key_absent:
        return Condition("absent" if key_absent or bare == "absent" else "empty", key, parameter=parameter)
    match sign:
        case "=":
            return Condition("equals", key, tuple(value.split("|")), parameter)
        case "!=":
            return Condition("differs", key, tuple(value.split("|")), parameter)
        case "~":
            re.compile(value)
            return Condition("matches", key, (value,), parameter)
        case _:
            return Condition("given", key, parameter=parameter)


def _finding(effects: str, why: str, conditions: tuple[Condition, ...] = ()) -> Finding:
    """Raises ValueError for an unknown effect."""
    named = [] if effects == "-" else effects.split(", ")
    for_good = _FOR_GOOD in named
    return Finding(
        frozenset(Effect.DESTROY if name == _FOR_GOOD else Effect(name) for name in named), why, conditions, for_good
    )


def _targets(kinds: Iterable[str]) -> frozenset[Target]:
    named = [kind for kind in kinds if kind != "-"]
    if unknown := set(named) - set(get_args(Target)):
        raise ValueError(f"unknown kind of target {min(unknown)}; known: {', '.join(get_args(Target))}")
    return frozenset(cast("list[Target]", named))


def _joined(
    first: Mapping[str, tuple[Finding, ...]], second: Mapping[str, tuple[Finding, ...]]
) -> dict[str, tuple[Finding, ...]]:
    return {name: (*first.get(name, ()), *second.get(name, ())) for name in {**first, **second}}


def _frozen(parameters: Mapping[str, list[Finding]]) -> dict[str, tuple[Finding, ...]]:
    return {name: tuple(findings) for name, findings in parameters.items()}


__all__ = ["bundled_effects", "load_effects"]
