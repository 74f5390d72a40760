"""The reviews as a document: what each call of every bundled version does, by area, collapsed to what differs from
the plain case, with a summary on top."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from proxmox_mcp.apidoc import METHODS
from proxmox_mcp.apidoc.reviews import Effect, call_key
from proxmox_mcp.policy import common_changes
from proxmox_mcp.policy.caller import Mode
from proxmox_mcp.policy.policy import mode_verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from proxmox_mcp.apidoc import EndpointIndex
    from proxmox_mcp.apidoc.reviews import Condition, Finding, Review, Reviews

_HEAD = """\
# What each call does

Generated from `apidoc/effects` and the bundled snapshots; don't edit. `proxmox-mcp policy explain METHOD PATH
[KEY=VALUE]...` says the same of one call, with your own rules and the live state of the cluster.

A call has all effects of its endpoint, of each parameter and of each value; defaults that act count as given. A call or
a parameter that nobody reviewed, which may come with a later version of Proxmox VE, counts as `destroy` (a GET as
`inside`), and as any effect for a rule that denies or confirms. Where a line says "unless ...", the live state of the
cluster decides; where that can't be read, the effect counts. What destroys "for good" is asked about although the call
can be undone: what goes meanwhile, such as backups that a retention removes, does not come back.
"""
_EVERYDAY = """\
What `guarded` asks about, on a usual cluster: the slots that are filled are free before, the storage keeps all backups,
nobody has rights on the pool, there is more than one administrator. Each line that is asked about says why.
"""
_MEANING = {
    Effect.READ: "looks at the cluster",
    Effect.INSIDE: "looks into guests or backups",
    Effect.OUTREACH: "makes a node contact an address given in the call",
    Effect.CHANGE: "reversible change of the configuration, nothing else",
    Effect.DISRUPT: "interrupts a service, a backup, an alarm, or what people rely on",
    Effect.DESTROY: "loses something for good",
    Effect.EXECUTE: "runs code on a node or in a guest",
    Effect.ACCESS: "gives rights, logins, devices, host files, or loosens isolation",
    Effect.EXPOSE: "lifts protection, or sends stored credentials elsewhere",
}
_AREAS = {
    "access": "Users, rights and realms",
    "backup": "Backups and backup jobs",
    "bulk": "Actions on many guests",
    "ceph": "Ceph",
    "certificates": "Certificates and ACME",
    "cluster": "Cluster and datacenter options",
    "disks": "Disks of a node",
    "firewall": "Firewall",
    "guest-firewall": "Firewall of a guest",
    "ha": "High availability",
    "hardware": "Hardware and mappings",
    "lxc": "Containers",
    "lxc-config": "Containers: configuration",
    "lxc-console": "Containers: consoles",
    "lxc-snapshot": "Containers: snapshots",
    "lxc-status": "Containers: starting and stopping",
    "network": "Network of a node",
    "node": "Nodes",
    "notifications": "Notifications",
    "pools": "Pools",
    "qemu": "Virtual machines",
    "qemu-agent": "Virtual machines: guest agent",
    "qemu-config": "Virtual machines: configuration",
    "qemu-console": "Virtual machines: consoles",
    "qemu-migrate": "Virtual machines: migration",
    "qemu-snapshot": "Virtual machines: snapshots",
    "qemu-status": "Virtual machines: starting and stopping",
    "replication": "Replication",
    "sdn": "Software-defined network",
    "storage": "Storages and their content",
    "tasks": "Tasks",
}
_PLAIN = frozenset({Effect.READ})
_UNLESS = {
    "another-guests-volume": "if the volume is another guest's",
    "carries-rights": "unless nobody has rights on the pool",
    "deletes-volume": "unless the slots hold no disk",
    "host-path": "if it is a path of the node",
    "is-set-now": "unless it is unset now",
    "last-administrator": "unless other administrators remain",
    "loses-members": "unless the list loses none",
    "new-value": "unless it has this value now",
    "own-identity": "if it is the identity in use",
    "prunes": "unless the retention in force keeps all",
    "removes-backups": "unless no backup that is there now would go",
    "replaces-value": "unless it has this value, or none, now",
    "replaces-volume": "unless the slot is free or keeps its disk",
    "taken": "unless the name is free",
    "was-firewalled": "unless the card does not pass the firewall now",
}


def render(indexes: Mapping[str, EndpointIndex], reviews: Reviews) -> str:
    """The document as Markdown. ``indexes`` by version, such as ``9.2``."""
    paths = {call_key(each.method, each.path): each.path for index in indexes.values() for each in index.endpoints}
    areas: dict[str, list[tuple[str, Review]]] = defaultdict(list)
    for key, review in reviews.calls.items():
        areas[review.area].append((key, review))
    lines = [_HEAD, "## Effects and modes", ""]
    lines += [f"| effect | | {' | '.join(Mode)} |", f"|---|---|{'---|' * len(Mode)}"]
    lines += [f"| {each} | {_MEANING[each]} | {' | '.join(_by_mode(mode, each) for mode in Mode)} |" for each in Effect]
    lines += ["", "## Everyday changes", "", _EVERYDAY, *common_changes.render(list(indexes.values())[-1], reviews)]
    lines += [
        "",
        "## Areas",
        "",
        "| area | calls | only read | only `change` | asked about in `guarded` |",
        "|---|--:|--:|--:|--:|",
    ]
    lines += [_summary(area, areas[area]) for area in sorted(areas, key=_title)]
    for area in sorted(areas, key=_title):
        lines += ["", f"## {_title(area)}", "", *_area(areas[area], paths)]
    return "\n".join(lines) + "\n"


def _by_mode(mode: Mode, effect: Effect) -> str:
    verdict = str(mode_verdict(mode, effect))
    opened = mode is Mode.READ_ONLY and effect in (Effect.INSIDE, Effect.OUTREACH)
    return f"{verdict}, unless a rule names it" if opened else verdict


def _title(area: str) -> str:
    return _AREAS.get(area, area.capitalize())


def _summary(area: str, reviewed: Sequence[tuple[str, Review]]) -> str:
    reads = sum(_effects(review.findings) <= _PLAIN for _, review in reviewed)
    changes = sum(_effects(review.findings) == {Effect.CHANGE} for _, review in reviewed)
    anchor = _title(area).lower().replace(" ", "-").replace(":", "").replace(",", "")
    asked = len(reviewed) - reads - changes
    return f"| [{_title(area)}](#{anchor}) | {len(reviewed)} | {reads} | {changes} | {asked} |"


def _area(reviewed: Sequence[tuple[str, Review]], paths: Mapping[str, str]) -> Iterator[str]:
    together: dict[int, tuple[Review, list[str]]] = {}
    for key, review in reviewed:
        together.setdefault(id(review.findings), (review, []))[1].append(key)
    plain = [key for review, keys in together.values() if _is_plain(review) for key in keys]
    for review, keys in together.values():
        if not _is_plain(review):
            yield from _entry(review, _calls(keys, paths))
    if plain:
        yield f"- only read: {', '.join(_calls(plain, paths))}"


def _is_plain(review: Review) -> bool:
    found = (finding for findings in review.parameters.values() for finding in findings)
    return _effects(review.findings) <= _PLAIN and not _effects(tuple(found))


def _calls(keys: Sequence[str], paths: Mapping[str, str]) -> list[str]:
    """Calls by path, those of several methods together."""
    methods: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        methods[paths.get(key, key.partition(" ")[2])].append(key.partition(" ")[0])
    return [f"`{'|'.join(sorted(methods[path], key=METHODS.index))} {path}`" for path in methods]


def _entry(review: Review, calls: Sequence[str]) -> Iterator[str]:
    yield f"- {', '.join(calls)}"
    for finding in review.findings:
        yield f"  - {_named(finding)}: {finding.why}"
    same: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for name, findings in review.parameters.items():
        for finding in findings:
            if finding.effects:
                same[_named(finding), finding.why, _conditions(finding)].append(name)
    for (effects, why, conditions), names in same.items():
        yield f"  - {', '.join(f'`{name}`' for name in names)}{conditions}: {effects}: {why}"
    if review.undo is not None:
        lost = f"; lost: {review.undo.lost}" if review.undo.lost else ""
        yield f"  - undo: {review.undo.how}{lost}" if review.undo.kind != "none" else f"  - no undo: {review.undo.how}"
    if review.cascade:
        yield f"  - with it: {review.cascade}"


def _named(finding: Finding) -> str:
    named = (
        f"**{effect}** for good" if finding.is_for_good(effect) else f"**{effect}**"
        for effect in Effect
        if effect in finding.effects
    )
    return ", ".join(named) or "no effect"


def _conditions(finding: Finding) -> str:
    told = [text for text in map(_condition, finding.conditions) if text]
    return f" {' and '.join(told)}" if told else ""


def _condition(condition: Condition) -> str:
    subject = f"`{condition.parameter}` " if condition.parameter else ""
    subject += f"`{condition.key}` " if condition.key else ""
    said = f"with {subject}" if subject else ""
    values = " or ".join(f"`{value}`" for value in condition.values)
    match condition.test:
        case "equals":
            return f"{said}= {values}"
        case "differs":
            return f"{said}other than {values}"
        case "matches":
            return f"{said}matching {values}"
        case "empty":
            return f"{said}empty"
        case "absent":
            return f"{said}left out"
        case "given":
            return f"{said}given" if said else ""
        case "predicate":
            return f"({_UNLESS[condition.values[0]]})"


def _effects(findings: Sequence[Finding]) -> frozenset[Effect]:
    return frozenset(effect for finding in findings for effect in finding.effects)


__all__ = ["render"]
