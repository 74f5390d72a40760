"""From the steps that a caller gives to concrete ones: ``*`` expanded, references and ``next`` filled in.

Pure: the cluster's resources and the free identifiers are handed in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct
from msgspec.structs import replace

from proxmox_mcp.apidoc.path import ANY, GUESTS, ApiPath
from proxmox_mcp.errors import InvalidCallError, ProxmoxMcpError, TargetError
from proxmox_mcp.gateway.guest_command import carrier, guest_at
from proxmox_mcp.gateway.plans.references import IDENTIFIERS, references_in, substituted
from proxmox_mcp.gateway.plans.steps import ConcreteStep, PlanStep, StepFault, refuse
from proxmox_mcp.gateway.resolve import Target, resolve, unknown_guest
from proxmox_mcp.proxmox.inventory import Guest
from proxmox_mcp.render.resources import KNOWN_FIELDS
from proxmox_mcp.render.selection import select
from proxmox_mcp.untrusted import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from proxmox_mcp.proxmox.inventory import Resources
    from proxmox_mcp.render.filters import Filter

NEXT = "next"

_HOW_TO_FILTER = "Set `filter` by fields of get_cluster_resources, such as `tags~lab and status=running`."


class Identifiers(Protocol):
    """Gives free identifiers, each once."""

    def take(self, parameter: str) -> str: ...


@dataclass
class Placeholders:
    """Counts what is needed, before any identifier is looked up: ids that no cluster has."""

    taken: list[str] = field(default_factory=list)

    def take(self, parameter: str) -> str:
        self.taken.append(parameter)
        return f"backup-{len(self.taken)}" if parameter == "id" else str(999_000_000 - len(self.taken))


class Expansion(Struct, frozen=True):
    """The concrete steps, and what a ``*`` would stand for that is left out, in words."""

    steps: tuple[ConcreteStep, ...]
    left_out: tuple[str, ...] = ()


def expand(
    steps: Sequence[PlanStep],
    conditions: Filter,
    resources: Resources,
    identifiers: Identifiers,
    most: int,
    missing: Mapping[str, str] = MappingProxyType({}),
) -> Expansion:
    """The concrete steps. Raises one error with the faults of all steps, or InvalidCallError for more than ``most``.

    ``missing``: places of a ``*`` that are left out, by path, and why.
    """
    made = _Expander(conditions, resources, identifiers, most, missing)
    faults: list[StepFault] = []
    for number, step in enumerate(steps, 1):
        try:
            made.add(number, step)
        except ProxmoxMcpError as error:
            faults.append(StepFault(number, error))
    if conditions and not made.fanned and not faults:
        faults.append(StepFault(1, InvalidCallError("`filter` selects what a * stands for, and no step has one.")))
    refuse(faults, len(steps))
    return Expansion(tuple(made.steps), tuple(dict.fromkeys(made.left_out)))


class _Expander:
    def __init__(
        self,
        conditions: Filter,
        resources: Resources,
        identifiers: Identifiers,
        most: int,
        missing: Mapping[str, str],
    ) -> None:
        self._conditions, self._resources, self._identifiers, self._most = conditions, resources, identifiers, most
        self._missing = missing
        self._records = {key: record for record in resources.records for key in _keys(record)}
        self._of: dict[int, list[ConcreteStep]] = {}
        self._made: dict[str, Guest] = {}
        self.steps: list[ConcreteStep] = []
        self.left_out: list[str] = []
        self.fanned = False

    def add(self, number: int, step: PlanStep) -> None:
        """Append the concrete steps of one that was given. Raises ProxmoxMcpError."""
        references = [] if step.literal else list(references_in([step.path, dict(step.data)]))
        for earlier, name in references:
            self._must_be_known(number, earlier, name)
        if any(earlier not in self._of for earlier, _ in references):
            return  # The fault of that step is told.
        path, data = ApiPath.given(step.path), dict(step.data)
        if references:
            path = ApiPath.given(substituted(step.path, self._value))
            data = substituted(data, self._value)
        before = self.fanned
        self.fanned = False
        targets = list(self._targets(path))
        of_many, self.fanned = self.fanned, before or self.fanned
        for target in targets:
            if len(self.steps) >= self._most:
                raise InvalidCallError(
                    f"the plan has more than {self._most} steps (MCP_PLAN_STEPS).", "Narrow `filter`, or split it."
                )
            sent, allocated = self._allocated(step.method, target, data)
            work = replace(step.work, guest=guest_at(target)) if step.work is not None else None
            concrete = ConcreteStep(
                number=len(self.steps) + 1,
                given=number,
                method=step.method,
                path=carrier(work.guest) if work is not None else target,
                data=sent,
                why=step.why,
                allocated=allocated,
                fanned=of_many,
                literal=step.literal,
                undoes=step.undoes,
                work=work,
            )
            self._of.setdefault(number, []).append(concrete)
            self.steps.append(concrete)
            self._remember_guest(concrete)

    # References.

    def _must_be_known(self, number: int, earlier: int, name: str) -> None:
        where = f"${{{earlier}.{name}}}"
        if not 1 <= earlier < number:
            raise InvalidCallError(f"{where} refers to step {earlier}, which is not an earlier one.")
        steps = self._of.get(earlier, [])
        if len({_names(step).get(name, "") for step in steps}) > 1:
            raise InvalidCallError(f"{where}: step {earlier} stands for {len(steps)} calls, each with its own {name}.")
        if steps and name not in _names(steps[0]):
            told = f"It has: {', '.join(sorted(_names(steps[0])))}." if _names(steps[0]) else "It has none."
            raise InvalidCallError(f"{where}: step {earlier} creates nothing with this identifier. {told}")

    def _value(self, earlier: int, name: str) -> str:
        return _names(self._of[earlier][0])[name]

    def _allocated(
        self, method: str, path: ApiPath, data: Mapping[str, Any]
    ) -> tuple[Mapping[str, Any], Mapping[str, str]]:
        parameter = _allocates(method, path)
        if not parameter or data.get(parameter) != NEXT:
            return data, {}
        allocated = self._identifiers.take(parameter)
        return {**data, parameter: allocated}, {parameter: allocated}

    def _remember_guest(self, step: ConcreteStep) -> None:
        """What an earlier step creates is on no node yet; a path with a * for its node means the node it will be on."""
        parts = step.path.segments
        vmid = str(step.data.get(_allocates(step.method, step.path), ""))
        if parts[:1] == ("nodes",) and vmid.isdecimal():
            node = str(step.data.get("target") or parts[1])
            kind = "lxc" if parts[2] == "lxc" else "qemu"
            self._made[vmid] = Guest(vmid=int(vmid), type=kind, name="", node=node)  # type: ignore[arg-type]

    # Places.

    def _targets(self, path: ApiPath) -> Iterator[ApiPath]:
        found = list(self._of_guests(path)) if path.segments[2:3] == (GUESTS,) else list(self._of_one_kind(path))
        yield from (replace(each, query=path.query) for each in found)

    def _of_guests(self, path: ApiPath) -> Iterator[ApiPath]:
        _, node, _, which, *rest = (*path.segments, "", "")[: max(4, len(path.segments))]
        if not which:
            raise TargetError("nodes/*/guests stands for guests, and none is named.", "Write nodes/*/guests/*/...")
        if which == ANY:
            kinds = ("qemu", "lxc")
            targets = [t for kind in kinds for t in self._resolved(ApiPath.of(["nodes", node, kind, ANY, *rest]))]
            yield from self._selected(path, sorted(targets, key=lambda t: t.guest.vmid if t.guest else 0))
            return
        guest = self._guest(which)
        yield from self._of_one_kind(ApiPath.of(["nodes", node, guest.type, which, *rest]))

    def _guest(self, which: str) -> Guest:
        found = self._made.get(which) or self._resources.guest(which)
        named = (found,) if found else self._resources.named(which)
        if len({guest.type for guest in named}) != 1:
            if named:
                raise TargetError(f"A VM and a container are named {shown(which)}.", "Use the id.")
            raise TargetError(f"There is no guest {shown(which)}.", unknown_guest(which, self._resources))
        return named[0]

    def _of_one_kind(self, path: ApiPath) -> Iterator[ApiPath]:
        if not path.needs_lookup:
            yield path
            return
        guest = path.guest
        if guest is not None and (made := self._made.get(guest[1])) is not None and made.type == guest[0]:
            node = made.node if path.segments[1] == ANY else path.segments[1]
            yield ApiPath.of(["nodes", node, *path.segments[2:]])
            return
        targets = self._resolved(path)
        if path.stands_for_many:
            yield from self._selected(path, targets)
        else:
            yield from (target.path for target in targets)

    def _resolved(self, path: ApiPath) -> list[Target]:
        """All places of a path, as a read would have them: whether a write may go to several is for the filter."""
        return list(resolve(path, "GET", self._resources))

    def _selected(self, path: ApiPath, targets: Sequence[Target]) -> Iterator[ApiPath]:
        self.fanned = True
        if not self._conditions:
            raise TargetError(
                f"{path} stands for {len(targets)} places, and a write needs to be told which.", _HOW_TO_FILTER
            )
        records = [dict(self._records.get(_key(target), {})) for target in targets]
        kept = {id(record) for record in select(records, self._conditions, known=KNOWN_FIELDS)}
        chosen = [target for target, record in zip(targets, records, strict=True) if id(record) in kept]
        if not chosen:
            raise TargetError(f"None of {len(targets)} places of {path} matches the filter.", _HOW_TO_FILTER)
        there = [target for target in chosen if target.online and target.path.encoded not in self._missing]
        if not there and any(target.online for target in chosen):
            reason = next(iter(self._missing.values()))
            raise TargetError(f"None of {len(chosen)} places that the filter selects has it: {reason}")
        absent = 0
        for target in chosen:
            if not target.online:
                self.left_out.append(f"{target.guest or target.path.text}: its node is offline")
            elif target.path.encoded in self._missing:
                absent += 1
        if absent:
            self.left_out.append(f"{absent} places of {path}, where there is none")
        yield from (target.path for target in there)


def _keys(record: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Under what a record of the inventory is found: as ``_key`` gives it for a place."""
    match record.get("type"):
        case "qemu" | "lxc":
            yield "guest", str(record.get("vmid"))
        case "storage":
            yield "storage", str(record.get("storage")), str(record.get("node"))
            yield "storage", str(record.get("storage")), ""
        case "node" | "pool" as kind:
            yield kind, str(record.get(kind))
        case _:
            pass


def _key(target: Target) -> tuple[str, ...]:
    if target.guest is not None:
        return "guest", str(target.guest.vmid)
    if target.storage:
        return "storage", target.storage, target.node
    return ("node", target.node) if target.node else ("pool", target.path.segments[1])


def _allocates(method: str, path: ApiPath) -> str:
    """The parameter that may be ``next``; empty where the call creates nothing that bears an id of the server's."""
    if method != "POST":
        return ""
    parts = path.segments
    if parts == ("cluster", "backup"):
        return "id"
    if parts[:1] != ("nodes",):
        return ""
    if len(parts) == 3 and parts[2] in ("qemu", "lxc"):
        return "vmid"
    return "newid" if len(parts) == 5 and parts[4] == "clone" else ""


def made_by_proxmox(method: str, path: ApiPath) -> tuple[str, str] | None:
    """The identifier that only the answer to a call tells: its name, and a value of the same form for the check."""
    parts = path.segments
    is_allocation = len(parts) == 5 and parts[0] == "nodes" and parts[2] == "storage" and parts[4] == "content"
    return ("volid", f"{parts[3]}:vm-100-disk-0") if method == "POST" and is_allocation else None


def _names(step: ConcreteStep) -> dict[str, str]:
    """The identifiers of a step that later ones may refer to; one that Proxmox will make as a reference to it."""
    names = {name: str(step.data[name]) for name in IDENTIFIERS & step.data.keys() if step.method == "POST"}
    if "newid" in names:
        names["vmid"] = names["newid"]
    if (made := made_by_proxmox(step.method, step.path)) is not None:
        names[made[0]] = f"${{{step.number}.{made[0]}}}"
    return names
