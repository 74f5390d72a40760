"""One rule of a policy, and when it matches a call.

A rule that denies or confirms matches when any of what the call hits fits it, or may fit it; one that allows only
when all of it does, for certain. So what can't be looked up, and what nobody has reviewed, falls to the safe side.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from proxmox_mcp.policy.globs import name_matches, path_matches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from proxmox_mcp.policy.call import Call
    from proxmox_mcp.policy.lookups import Facts, GuestFacts
    from proxmox_mcp.policy.risk import Risk
    from proxmox_mcp.policy.targets import Targets


_ANY_CASE = frozenset({"node", "tag"})
"""Conditions on names whose case makes no difference: a node that Proxmox doesn't list it looks up as a host."""


class Verdict(StrEnum):
    ALLOW = "allow"
    CONFIRM = "confirm"
    DENY = "deny"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rule:
    """One rule. An empty condition is none; several values of one condition are alternatives.

    ``by_person`` reserves the confirmation for people. ``source``, ``line`` and ``number`` say where it stands.
    """

    verdict: Verdict
    by_person: bool = False
    paths: tuple[str, ...] = ()
    methods: frozenset[str] = frozenset()
    risks: frozenset[Risk] = frozenset()
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
        return bool(self.paths or self.risks)

    def matches(self, call: Call, facts: Facts) -> bool:
        """The other conditions, once ``covers`` holds."""
        return self.unmet(call, facts) == ""

    def unmet(self, call: Call, facts: Facts) -> str:
        """The name of the first condition that does not hold, empty where all do."""
        if self.risks and not self._fits_risk(call):
            return "risk"
        if self.commands and not self._fits_command(call):
            return "command"
        if not self.looks_at_targets:
            return ""
        hit = call.targets
        if self.guests and not self._fits(_in_ranges(self.guests, hit.guests), "guest" in hit.open_ended):
            return "guest"
        looked_up = {vmid: facts.guest(vmid) for vmid in hit.guests} if self.needs_facts(hit) else {}
        for condition, patterns, named, of_guest in (
            ("node", self.nodes, hit.nodes, lambda guest: {guest.node} if guest.node else None),
            ("pool", self.pools, hit.pools, lambda guest: {guest.pool}),
            ("tag", self.tags, hit.tags, lambda guest: guest.tags),
            ("storage", self.storages, hit.storages, lambda guest: guest.storages),
        ):
            if patterns and not self._fits_live(condition, patterns, named, hit, looked_up, of_guest):
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

    def _fits_risk(self, call: Call) -> bool:
        if call.judgement.reviewed:
            return call.judgement.risk in self.risks
        return self.verdict is not Verdict.ALLOW

    def _fits_command(self, call: Call) -> bool:
        """Whether the command that a call runs in a guest is, as a whole, one of those in the rule.

        A rule that allows is not met by a text that a shell would take apart, nor by a command that gets input: the
        pattern does not see what would run then.
        """
        command = call.data.get("command")
        if not isinstance(command, str | list) or not command:
            return False
        line = command if isinstance(command, str) else shlex.join(map(str, command))
        if self.verdict is Verdict.ALLOW and (call.data.get("input-data") or not _runs_as_written(command)):
            return False
        return any(pattern.fullmatch(line) for pattern in self.commands)

    def _fits_live(
        self,
        condition: str,
        patterns: tuple[str, ...],
        named: frozenset[str],
        hit: Targets,
        guests: dict[int, GuestFacts | None],
        of_guest: Callable[[GuestFacts], Iterable[str] | None],
    ) -> bool:
        folded = condition in _ANY_CASE
        open_ended = "guest" in hit.open_ended if condition != "node" else "node" in hit.open_ended
        counts = condition != "tag" or self.verdict is not Verdict.ALLOW
        results = [_any_glob(patterns, name, folded) for name in named] if counts else []
        for guest in guests.values():
            values = None if guest is None else of_guest(guest)
            if values is None:
                open_ended = True
            elif guest is not None and guest.exists:
                results.append(any(_any_glob(patterns, value, folded) for value in values))
        return self._fits(results, open_ended)

    def _fits(self, results: list[bool], unknown: bool) -> bool:
        if self.verdict is Verdict.ALLOW:
            return bool(results) and all(results) and not unknown
        return unknown or any(results)


_PLAIN_WORDS = re.compile(r"[A-Za-z0-9_@%+=:,./-]+(?: [A-Za-z0-9_@%+=:,./-]+)*")


def _runs_as_written(command: str | list[object]) -> bool:
    """Whether nothing but the named program runs: no shell reads the words, or finds nothing in them to act on."""
    return isinstance(command, list) or _PLAIN_WORDS.fullmatch(command) is not None


def _in_ranges(ranges: tuple[range, ...], guests: frozenset[int]) -> list[bool]:
    return [any(guest in ids for ids in ranges) for guest in guests]


def _any_glob(patterns: tuple[str, ...], value: str, fold: bool = False) -> bool:
    return any(name_matches(pattern, value, fold=fold) for pattern in patterns)
