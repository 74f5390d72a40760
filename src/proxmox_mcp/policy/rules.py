"""One rule of a policy, when it matches a call, and the live facts that it asks for.

A rule is asked two questions. By which causes does it *touch* the call: which effect or parameter fits it, or may fit,
and any target? And which causes does it *cover*: which effects fit, with every target, for certain? A rule that denies
or asks for a confirmation acts on what it touches; one that lets something pass acts on what it covers. So what can't
be looked up, and what nobody has reviewed, falls to the safe side, and nothing that is added to a call takes it out of
a rule that touches it.
"""

# Tested through tests/policy/test_policy.py and tests/policy/test_commands.py.

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from msgspec import Struct

from proxmox_mcp.policy.globs import name_matches, path_matches
from proxmox_mcp.policy.values import ALIASES, list_members

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from proxmox_mcp.apidoc.reviews import Effect
    from proxmox_mcp.policy.call import Call
    from proxmox_mcp.policy.effects import Cause
    from proxmox_mcp.policy.targets import Targets


_ANY_CASE = frozenset({"node", "tag"})
"""Conditions on names whose case makes no difference: a node that Proxmox doesn't list it looks up as a host."""


class Needs(Struct, frozen=True, kw_only=True):
    """The facts that the rules for one call may ask for: of which guests, and whether of the storages of their
    volumes too, which take one more GET for each guest."""

    guests: frozenset[int] = frozenset()
    storages: bool = False


NO_NEEDS = Needs()


class GuestFacts(Struct, frozen=True, kw_only=True):
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


class Verdict(StrEnum):
    ALLOW = "allow"
    CONFIRM = "confirm"
    DENY = "deny"


class Rule(Struct, frozen=True, kw_only=True, eq=False):
    """One rule. An empty condition always holds; several values of one condition are alternatives.

    ``by_person`` reserves the confirmation for people, ``four_eyes`` for another person than the caller's own;
    ``snapshot`` asks for a snapshot of the guests before the call is sent. ``source``, ``line`` and ``number`` say
    where it is; ``outdated`` says what in it is written as an older version wanted it.
    """

    verdict: Verdict
    by_person: bool = False
    four_eyes: bool = False
    snapshot: bool = False
    paths: tuple[str, ...] = ()
    methods: frozenset[str] = frozenset()
    effects: frozenset[Effect] = frozenset()
    parameters: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    guests: tuple[range, ...] = ()
    pools: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    storages: tuple[str, ...] = ()
    callers: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()
    commands: tuple[re.Pattern[str], ...] = ()
    reason: str = ""
    source: str = ""
    line: int = 0
    number: int = 0
    outdated: str = ""

    @property
    def where(self) -> str:
        """``rule 3 (policy.toml, line 12)``."""
        return f"rule {self.number} ({self.source}, line {self.line})"

    def covers(self, method: str, path: str, cluster: str, caller: str, *, literal: bool = False) -> bool:
        """The conditions that are the same for each call of an endpoint, whatever its values.

        ``path`` is the endpoint's template; with ``literal``, for a call without a known endpoint, the path itself.
        """
        return (
            (not self.methods or method in self.methods)
            and (not self.paths or any(path_matches(pattern, path, literal=literal) for pattern in self.paths))
            and (not self.clusters or _any_glob(self.clusters, cluster))
            and (not self.callers or _any_glob(self.callers, caller))
        )

    def names_read(self) -> bool:
        """True where the rule names what it is about: only such rules open ``inside`` and ``outreach`` reads."""
        return bool(self.paths or self.effects)

    def touched(self, call: Call, facts: Facts) -> tuple[Cause, ...]:
        """The causes by which what the call does, or may do, fits the rule."""
        causes = tuple(cause for cause in call.judgement.causes if self._may_fit(call, cause))
        return causes if causes and not self.unmet(call, facts, wholly=False) else ()

    def covered(self, call: Call, facts: Facts) -> tuple[Cause, ...]:
        """The causes that fit the rule with all that the call hits, for certain."""
        if self.effects and not call.judgement.reviewed:
            return ()
        causes = tuple(
            cause
            for cause in call.judgement.causes
            if (not self.effects or cause.effect in self.effects)
            and (not self.parameters or _any_glob(self.parameters, cause.parameter))
        )
        return causes if causes and not self.unmet(call, facts, wholly=True) else ()

    def _may_fit(self, call: Call, cause: Cause) -> bool:
        return (not self.effects or cause.effect in self.effects or not call.judgement.reviewed) and (
            not self.parameters or any(_any_glob(self.parameters, name) for name in _parameters(call, cause))
        )

    def unmet(self, call: Call, facts: Facts, *, wholly: bool) -> str:
        """The first condition on command and targets that does not hold, empty where all do.

        ``wholly``: each must hold for all that the call hits, for certain; else it is enough that it may for some.
        """
        if self.commands and not self._fits_command(call, wholly=wholly):
            return "command"
        if not self.looks_at_targets:
            return ""
        hit = call.targets
        if self.guests and not _fits(_in_ranges(self.guests, hit.guests), "guest" in hit.open_ended, wholly=wholly):
            return "guest"
        looked_up = {vmid: facts.get(vmid) for vmid in hit.guests} if self.needs_facts(hit) else {}
        for condition, patterns, named, of_guest in (
            ("node", self.nodes, hit.nodes, lambda guest: {guest.node} if guest.node else None),
            ("pool", self.pools, hit.pools, lambda guest: {guest.pool}),
            ("tag", self.tags, hit.tags, lambda guest: guest.tags),
            ("storage", self.storages, hit.storages, lambda guest: guest.storages),
        ):
            if not patterns:
                continue
            results, unknown = _live(condition, patterns, named, hit, looked_up, of_guest, wholly=wholly)
            if not _fits(results, unknown, wholly=wholly):
                return condition
        return ""

    @property
    def looks_at_targets(self) -> bool:
        return bool(self.guests or self.nodes or self.pools or self.tags or self.storages)

    def needs_facts(self, targets: Targets) -> bool:
        """True where the guests of the call must be looked up to tell whether the rule matches."""
        if self.pools or self.tags or self.storages:
            return bool(targets.guests)
        return bool(self.nodes and not targets.nodes and targets.guests)

    def _fits_command(self, call: Call, *, wholly: bool) -> bool:
        """Whether the command that a call runs in a guest is, as a whole, one of those in the rule.

        A rule that lets it pass is not met by a text that a shell would take apart, nor by a command that gets input:
        the pattern does not see what would run then.
        """
        command = call.data.get("command")
        if not isinstance(command, str | list) or not command:
            return False
        line = command if isinstance(command, str) else shlex.join(map(str, command))
        if wholly and (call.data.get("input-data") or not _runs_as_written(command)):
            return False
        return any(pattern.fullmatch(line) for pattern in self.commands)


def _live(
    condition: str,
    patterns: tuple[str, ...],
    named: frozenset[str],
    hit: Targets,
    guests: dict[int, GuestFacts | None],
    of_guest: Callable[[GuestFacts], Iterable[str] | None],
    *,
    wholly: bool,
) -> tuple[list[bool], bool]:
    """Of each thing hit whether its name, or what is known of it, fits; and whether there may be more."""
    folded = condition in _ANY_CASE
    unknown = condition in hit.open_ended or (condition != "node" and "guest" in hit.open_ended)
    counts = condition != "tag" or not wholly  # Tags that a call sets are not yet those of the guest.
    results = [_any_glob(patterns, name, folded) for name in named] if counts else []
    for guest in guests.values():
        values = None if guest is None else of_guest(guest)
        if values is None:
            unknown = True
        elif guest is not None and guest.exists:
            results.append(any(_any_glob(patterns, value, folded) for value in values))
    return results, unknown


def _fits(results: list[bool], unknown: bool, *, wholly: bool) -> bool:
    if wholly:
        return bool(results) and all(results) and not unknown
    return unknown or any(results)


def _parameters(call: Call, cause: Cause) -> set[str]:
    """The parameters of a call by every name that they have, and those that it deletes or whose default acts."""
    gone = [*list_members(call.data.get("delete")), *list_members(call.data.get("revert"))]
    given = {*call.data, *gone, cause.parameter}
    return given | {ALIASES[name] for name in given & ALIASES.keys()} | {a for a, b in ALIASES.items() if b in given}


_PLAIN_WORDS = re.compile(r"[A-Za-z0-9_@%+=:,./-]+(?: [A-Za-z0-9_@%+=:,./-]+)*")


def _runs_as_written(command: str | list[object]) -> bool:
    """Whether nothing but the named program runs: no shell reads the words, or finds nothing in them to act on."""
    return isinstance(command, list) or _PLAIN_WORDS.fullmatch(command) is not None


def _in_ranges(ranges: tuple[range, ...], guests: frozenset[int]) -> list[bool]:
    return [any(guest in ids for ids in ranges) for guest in guests]


def _any_glob(patterns: tuple[str, ...], value: str, fold: bool = False) -> bool:
    return any(name_matches(pattern, value, fold=fold) for pattern in patterns)
