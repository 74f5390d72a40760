"""Changes in words, and as data for programs: on the command line, as a resource, in the console."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from proxmox_mcp.record.differences import told
from proxmox_mcp.render.units import number_of
from proxmox_mcp.untrusted import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from proxmox_mcp.record.changes import Change


def described(change: Change) -> str:
    """One change in lines. Text of others is quoted."""
    lines = [
        f"Change {change.number}: {change.name}",
        f"sent {_time(change.created)} by {shown(change.caller)}"
        + (f" ({shown(change.client)})" if change.client else "")
        + (f", confirmed: {shown(change.confirmation)}" if change.confirmation else ""),
        *(f"  {each}" for each in change.statement.splitlines()),
        f"outcome: {_outcome(change)}",
        *_finding_out(change),
        *(f"parameter {name} = {shown(str(value))}" for name, value in change.data.items()),
        *(f"changed {each.text}" for each in change.differences),
        *(f"created {path}" for path in change.made),
        *(f"deleted {path}" for path in change.deleted),
        *(f"task {upid}" for upid in change.upids),
        change.says,
        *(f"undo: {each.method} {each.path} ({each.why})" for each in change.inverse.calls),
    ]
    if change.plan is not None:
        lines.append(f"step {change.step} of plan {change.plan}")
    if change.undoes is not None:
        lines.append(f"undid change {change.undoes}")
    return "\n".join(lines)


def as_data(change: Change) -> dict[str, object]:
    """One change for programs."""
    return {
        "number": change.number,
        "created": change.created,
        "caller": change.caller,
        "cluster": change.cluster,
        "method": change.method,
        "path": change.path,
        "data": dict(change.data),
        "effects": list(change.effects),
        "guests": list(change.guests),
        "outcome": change.outcome or "unknown",
        "differences": [{"name": d.name, "before": d.before, "after": d.after} for d in change.differences],
        "created_objects": list(change.made),
        "deleted_objects": list(change.deleted),
        "confirmation": change.confirmation,
        "statement": change.statement,
        "tasks": list(change.upids),
        "undo": {
            "reach": change.inverse.reach,
            "says": change.inverse.says,
            "calls": [{"method": c.method, "path": c.path, "data": dict(c.data)} for c in change.inverse.calls],
        },
        "undone_by": change.undone_by,
        "undoes": change.undoes,
        "plan": change.plan,
        "step": change.step,
    }


def listing(changes: Sequence[Change]) -> str:
    """Changes in lines. The snapshots that rules had taken and that are not removed yet are one group at the end."""
    snapshots = [each for each in changes if each.is_snapshot_first and each.undone_by is None and each.outcome == "ok"]
    lines = [line(each) for each in changes if each not in snapshots]
    if snapshots:
        count = number_of(len(snapshots), "snapshot")
        oldest = _time(min(each.created for each in snapshots))
        lines.append(f"{count} that a rule had taken first, since {oldest}:")
        lines += [f"  {each.path}/{each.data['snapname']} (change {each.number})" for each in snapshots]
        lines.append("  Remove old ones: proxmox-mcp changes prune --older-than 30d")
    return "\n".join(lines)


def _finding_out(change: Change) -> Iterator[str]:
    """How to find out whether a change took effect whose answer was not received: what to read, and what it means."""
    if change.outcome:
        return
    yield "It may have taken effect or not. To find out, read what is there now, and compare:"
    for get in change.before:
        yield f"  proxmox-mcp call GET {shlex.join([get.path, *('='.join(pair) for pair in get.query)])}"
    if change.path.startswith("/nodes/"):
        node = change.path.split("/")[2]
        yield f"  proxmox-mcp call GET {shlex.quote(f'/nodes/{node}/tasks')} since={int(change.created)}"
    for name, value in change.data.items():
        found = [answer[name] for answer in change.before.values() if isinstance(answer, dict) and name in answer]
        before = shown(_plain(found[0])) if found else "not set"
        yield f"  {name}: before {before}, to be set to {shown(_plain(value))}"


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def line(change: Change) -> str:
    what = told(change.differences) or "; ".join((*change.made, *change.deleted))
    outcome = "" if change.outcome == "ok" else f" [{_outcome(change)}]"
    return f"{_time(change.created)} {shown(change.caller)}: {change.name}{outcome}. {what}\n  {change.says}"


def _outcome(change: Change) -> str:
    if change.outcome:
        return f"{change.outcome}: {shown(change.message)}" if change.message else change.outcome
    return "unknown: the server ended before the answer came"


def _time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
