"""Changes in words and as data: what they changed, how they ended, and how to find out where that is unknown."""

from __future__ import annotations

import json
from typing import Any

from msgspec.structs import replace

from proxmox_mcp.policy.caller import Caller
from proxmox_mcp.record.changes import Changes, WriteOutcome
from proxmox_mcp.record.changes_text import as_data, described, line, listing
from proxmox_mcp.record.undo import Get, Inverse, InverseCall
from undone_roundtrips import call_of

VM = "/nodes/pve1/qemu/100"
CONFIG = Get(f"{VM}/config")
BACK = Inverse("restore", (InverseCall("PUT", CONFIG.path, {"cores": 2}, "restores cores"),), proven=True)


def begun(changes: Changes, path: str = CONFIG.path, method: str = "PUT", before: Any = None, **data: Any) -> int:
    call = replace(call_of(method, path, data or {"cores": 4}), caller=Caller(name="ops"), cluster="lab", client="c 1")
    return changes.begin(call, {CONFIG: {"cores": 2}} if before is None else before, BACK)


def finished(changes: Changes, number: int, outcome: str = "ok", **more: Any) -> int:
    changes.finish(number, WriteOutcome(outcome=outcome, after={CONFIG: {"cores": 4}}, inverse=BACK, **more))
    return number


def test_a_change_is_described_from_who_sent_it_to_how_it_is_undone(changes: Changes) -> None:
    number = finished(changes, begun(changes), upids=("UPID:x",), made=("/a",), deleted=("/b",))
    told = described(changes.get(number)).splitlines()
    assert told[0] == f"Change {number}: PUT {CONFIG.path}"
    assert told[1].endswith(' by ops ("c 1")')
    assert told[2:] == [
        "outcome: ok",
        "parameter cores = 4",
        "changed cores: 2 → 4",
        "created /a",
        "deleted /b",
        "task UPID:x",
        f"Change {number}, can be undone.",
        f"undo: PUT {CONFIG.path} (restores cores)",
    ]


def test_a_change_that_failed_says_why(changes: Changes) -> None:
    number = finished(changes, begun(changes), outcome="pve.failed", message="VM is locked\n(backup)")
    assert 'outcome: pve.failed: "VM is locked\\n(backup)"' in described(changes.get(number))


def test_where_the_outcome_is_unknown_it_is_said_how_to_find_out(changes: Changes) -> None:
    listed = Get("/cluster/resources", (("type", "vm"),))
    number = begun(changes, before={CONFIG: {"cores": 2}, listed: []}, cores=4, description="it's new")
    change = changes.get(number)
    told = described(change).splitlines()
    start = told.index("outcome: unknown: the server ended before the answer came") + 1
    assert told[start : start + 6] == [
        "It may have taken effect or not. To find out, read what is there now, and compare:",
        f"  proxmox-mcp call GET {CONFIG.path}",
        "  proxmox-mcp call GET /cluster/resources type=vm",
        f"  proxmox-mcp call GET /nodes/pve1/tasks since={int(change.created)}",
        "  cores: before 2, to be set to 4",
        '  description: before not set, to be set to "it\'s new"',
    ]


def test_a_list_has_two_lines_for_each_change(changes: Changes) -> None:
    failed = finished(changes, begun(changes), outcome="pve.failed")
    cut = begun(changes)
    told = listing([changes.get(cut), changes.get(failed)])
    assert told.splitlines()[1::2] == [f"  {changes.get(each).says}" for each in (cut, failed)]
    assert "[unknown: the server ended before the answer came]" in line(changes.get(cut))
    assert f"ops: PUT {CONFIG.path} [pve.failed]. cores: 2 → 4" in line(changes.get(failed))


def test_snapshots_that_rules_had_taken_are_one_group_at_the_end(changes: Changes) -> None:
    names = ("mcp-20261128-203000-1f3a", "mcp-20261129-203000-1f3b", "mcp-by-a-person")
    numbers = [finished(changes, begun(changes, f"{VM}/snapshot", "POST", before={}, snapname=name)) for name in names]
    told = listing([changes.get(each) for each in numbers]).splitlines()
    assert len(told) == 6
    assert told[2].startswith("2 snapshots that a rule had taken first, since ")
    assert told[3:5] == [
        f"  {VM}/snapshot/{name} (change {number})" for name, number in zip(names[:2], numbers[:2], strict=True)
    ]
    assert "changes prune" in told[5]
    assert listing([changes.get(numbers[0])]).startswith("1 snapshot that a rule")


def test_the_data_for_programs_is_json_with_the_calls_that_undo_it(changes: Changes) -> None:
    number = finished(changes, begun(changes))
    data = json.loads(json.dumps(as_data(changes.get(number))))
    assert data["number"] == number
    assert data["differences"] == [{"name": "cores", "before": "2", "after": "4"}]
    assert data["undo"]["calls"] == [{"method": "PUT", "path": CONFIG.path, "data": {"cores": 2}}]
    assert as_data(changes.get(begun(changes)))["outcome"] == "unknown"
