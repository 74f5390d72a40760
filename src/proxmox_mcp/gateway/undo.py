"""From changes on record to the calls that undo them: what was changed since is compared first.

Undoing is a plan of inverse calls (``gateway.plans``), checked and confirmed by its own effects, and on record itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field
from msgspec.structs import replace

from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.errors import CallError
from proxmox_mcp.gateway.changes import asking, parameters_of, read_states
from proxmox_mcp.policy.call import Call
from proxmox_mcp.record.differences import differences, told
from proxmox_mcp.record.secret_patterns import HIDDEN
from proxmox_mcp.record.undo import After, Case, Get, created, inverse, is_remade, wanted
from proxmox_mcp.record.undo.objects import parameter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from proxmox_mcp.apidoc import EndpointIndex
    from proxmox_mcp.gateway.cluster import Cluster
    from proxmox_mcp.record.changes import Change, Changes
    from proxmox_mcp.record.redaction import Redactor
    from proxmox_mcp.record.undo import Inverse, InverseCall, Made

_NAMED = re.compile(r"(?:(?P<kind>plan|change)\s+)?#?(?P<number>\d{1,15})", re.IGNORECASE)
_READ_WITHIN = 10.0


class UndoSteps(Struct, frozen=True):
    """The calls that undo something, in the order in which they are sent.

    ``undoes`` maps the last step of each change, counted from 0, to the number of the change: once that step is done
    the change is undone. ``left`` says what of it can't be undone.
    """

    cluster: str
    steps: tuple[InverseCall, ...]
    undoes: Mapping[int, int]
    left: tuple[str, ...] = ()


class _Backwards(Struct):
    """A cluster as it will be when what was undone so far is undone: later changes are taken back first."""

    cluster: Cluster
    index: EndpointIndex
    redactor: Redactor
    known: dict[Get, Any] = field(default_factory=dict)

    async def now(self, gets: Sequence[Get]) -> dict[Get, Any]:
        """What GETs answer, as ``read_states`` has it."""
        new = [get for get in gets if get not in self.known]
        self.known |= await read_states(new, asking(self.cluster, _READ_WITHIN), self.index, self.redactor)
        return {get: self.known[get] for get in gets if get in self.known}


async def undo_steps(
    which: str, caller: str, changes: Changes, cluster_of: Callable[[str], Cluster], redactor: Redactor
) -> UndoSteps:
    """The calls that undo a change (``41``) or all changes of a plan (``plan 12``), those of a plan backwards.

    ``caller``: only changes of this caller, empty for an operator. Raises CallError where there is nothing to undo,
    where no way back is known, or, with the difference, where the same values were changed since.
    """
    asked = await changes.store.in_thread(_found, which, caller, changes)
    if len({each.cluster for each in asked}) > 1:
        raise CallError("These changes are of several clusters.", "Undo those of one cluster at a time.")
    cluster = cluster_of(asked[0].cluster)
    backwards = _Backwards(cluster, (await cluster.schema.current()).index, redactor)
    steps: list[InverseCall] = []
    undoes: dict[int, int] = {}
    left: list[str] = []
    for change in asked:
        found = await _inverse_now(change, backwards)
        if not found.calls:
            left.append(f"Change {change.number} ({change.name}) cannot be undone: {found.reason}")
            continue
        if found.lost:
            left.append(f"Change {change.number} ({change.name}): {', '.join(found.lost)} can't be brought back")
        steps += found.calls
        undoes[len(steps) - 1] = change.number
        backwards.known |= change.before
    if not steps:
        raise CallError(f"{'; '.join(left)}.", "Nothing was sent.")
    return UndoSteps(asked[0].cluster, tuple(steps), undoes, tuple(left))


def _found(which: str, caller: str, changes: Changes) -> list[Change]:
    """The changes that are meant, the last first."""
    named = _NAMED.fullmatch(which.strip())
    if named is None:
        raise CallError("This names no change and no plan.", "Write the number of a change (41), or `plan 12`.")
    number = int(named["number"])
    if (named["kind"] or "").lower() != "plan":
        change = changes.get(number, caller)
        _require_undoable(change)
        return [change]
    of_plan = changes.of_plan(number, caller)
    if not of_plan:
        raise CallError(f"There is no change of a plan {number}.", "`proxmox-mcp changes` lists them.")
    waiting = [each for each in reversed(of_plan) if each.undone_by is None and _took_effect(each)]
    if not waiting:
        raise CallError(f"No change of plan {number} is left to be undone.", "Nothing was sent.")
    return waiting


def _took_effect(change: Change) -> bool:
    """Whether there is something to undo: a call that failed may have written a part all the same."""
    return change.outcome in ("ok", "running") or bool(change.outcome and change.differences)


def _require_undoable(change: Change) -> None:
    if change.undone_by is not None:
        again = f"To undo that in turn: undo {change.undone_by}."
        raise CallError(f"Change {change.number} was undone by change {change.undone_by} already.", again)
    if not change.outcome:
        raise CallError(
            f"It is unknown whether change {change.number} ({change.name}) took effect: its answer was not received.",
            f"`proxmox-mcp changes show {change.number}` shows the values before it; compare, and set them by hand.",
        )


async def _inverse_now(change: Change, backwards: _Backwards) -> Inverse:
    """How a change is undone on the cluster as it is now. Raises CallError where its values were changed since."""
    call = _call_of(change, backwards.index)
    case = Case(call, change.before, parameters_of(backwards.index))
    gets = dict.fromkeys([*wanted(case), *change.after])
    now = await backwards.now([get for get in gets if get in change.before])
    _require_unchanged(change, now)
    new = created(case)
    if new is not None and change.after.get(new.get) is not None:
        _require_as_made(change, new, await backwards.now([new.get]))
    if not is_remade(call) or HIDDEN in str(change.data) or not change.before:
        return change.inverse
    return inverse(replace(case, after=After(None, now)))


def _require_unchanged(change: Change, now: Mapping[Get, Any]) -> None:
    """Raises CallError where a value that the change set has another value now, or what it deleted is there again."""
    touched = {each.name.split(" ")[0] if not each.row else each.name for each in change.differences}
    since = [
        each
        for each in differences(change.after, now)
        if (each.name if each.row else each.name.split(" ")[0]) in touched
    ]
    if since:
        raise CallError(
            f"What change {change.number} ({change.name}) set was changed since: {told(since)}.",
            f"Nothing was sent. Undo what came after it first, or set the values by hand: {told(change.differences)}",
        )
    item = Get(ApiPath.parse(change.path).encoded)
    there_again = change.before.get(item) is not None and now.get(item) is not None
    if change.method == "DELETE" and there_again and any(each.method == "POST" for each in change.inverse.calls[:1]):
        said = f"There is {change.path} again, which change {change.number} deleted."
        raise CallError(said, "Nothing was sent.")


def _require_as_made(change: Change, new: Made, now: Mapping[Get, Any]) -> None:
    """Raises CallError where what the change made has other values by now: deleting it would lose them."""
    if now.get(new.get) is None:
        return  # Deleting it fails, and says so.
    since = [
        each for each in differences(change.after, now) if parameter(new.settable, each.name.split(" ")[0]) is not None
    ]
    if since:
        way = f"{change.inverse.calls[0].method} {change.inverse.calls[0].path}" if change.inverse.calls else "by hand"
        raise CallError(
            f"What change {change.number} ({change.name}) made was changed since: {told(since)}.",
            f"Nothing was sent. Undo what came after it first, or delete it all the same: {way}",
        )


def _call_of(change: Change, index: EndpointIndex) -> Call:
    path = ApiPath.parse(change.path)
    found = index.check(change.method, path, change.data)
    return Call(
        method=change.method,
        path=path,
        endpoint=found.endpoint,
        template=found.endpoint.path if found.endpoint else change.template,
        path_params=found.path_params,
        data=dict(change.data),
    )
