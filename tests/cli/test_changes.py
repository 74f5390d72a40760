"""``proxmox-mcp changes``: what is on record, for people and for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from proxmox_mcp.cli import commands
from proxmox_mcp.errors import CallError
from proxmox_mcp.record.changes import Changes, WriteOutcome
from proxmox_mcp.record.redaction import Redactor
from proxmox_mcp.record.undo import Get, Inverse, InverseCall
from proxmox_mcp.store import Store
from undone_roundtrips import call_of

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = Get("/nodes/pve1/qemu/100/config")
BACK = Inverse("restore", (InverseCall("PUT", CONFIG.path, {"cores": 2}, "restores cores"),), proven=True)


@pytest.fixture
def number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """One change on record."""
    for name, value in {"PROXMOX_HOST": "192.0.2.1", "PROXMOX_USER": "root@pam", "PROXMOX_PASSWORD": "x"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MCP_STATE_DIR", str(tmp_path))
    changes = Changes(Store.in_directory(tmp_path), Redactor(), keep_days=90)
    made = changes.begin(call_of("PUT", CONFIG.path, {"cores": 4}), {CONFIG: {"cores": 2}}, BACK)
    changes.finish(made, WriteOutcome(outcome="ok", after={CONFIG: {"cores": 4}}, inverse=BACK))
    return made


def run(*arguments: str) -> str:
    result = CliRunner().invoke(commands, arguments)
    if isinstance(result.exception, Exception):
        raise result.exception
    return result.output


def test_changes_are_listed_with_values_before_and_after(number: int) -> None:
    listed = run("changes")
    assert f"local: PUT {CONFIG.path}. cores: 2 → 4\n  Change {number}, can be undone." in listed
    assert run("changes", "--caller", "nobody") == "No change is on record.\n"
    assert run("changes", "--guest", "999") == "No change is on record.\n"
    assert f"Change {number}" in run("changes", "--since", "2h")


def test_one_change_is_shown_with_the_calls_that_undo_it(number: int) -> None:
    shown = run("changes", "show", str(number))
    assert "changed cores: 2 → 4\n" in shown
    assert f"undo: PUT {CONFIG.path} (restores cores)\n" in shown
    data = json.loads(run("changes", "show", str(number), "--json"))
    assert data["differences"] == [{"name": "cores", "before": "2", "after": "4"}]
    assert data["undo"]["calls"] == [{"method": "PUT", "path": CONFIG.path, "data": {"cores": 2}}]


@pytest.mark.usefixtures("number")
def test_a_time_that_is_none_says_how_to_write_it() -> None:
    with pytest.raises(CallError, match="is neither an age nor a date"):
        run("changes", "--since", "yesterday")


def test_a_change_that_was_cut_off_tells_how_to_find_out_what_it_did(number: int, tmp_path: Path) -> None:
    changes = Changes(Store.in_directory(tmp_path), Redactor(), keep_days=90)
    before = {CONFIG: {"cores": 2}, Get("/pools", (("poolid", "a b"),)): []}
    cut_off = changes.begin(call_of("PUT", CONFIG.path, {"cores": 4, "name": "new"}), before, BACK)
    shown = run("changes", "show", str(cut_off))
    assert (
        "outcome: unknown: the server ended before the answer came\n"
        "It may have taken effect or not. To find out, read what is there now, and compare:\n"
        f"  proxmox-mcp call GET {CONFIG.path}\n"
        "  proxmox-mcp call GET /pools 'poolid=a b'\n"
        "  proxmox-mcp call GET /nodes/pve1/tasks since="
    ) in shown
    assert "  cores: before 2, to be set to 4\n  name: before not set, to be set to new\n" in shown
    assert "To find out" not in run("changes", "show", str(number))


@pytest.mark.usefixtures("number")
def test_snapshots_that_rules_had_taken_are_a_group(tmp_path: Path) -> None:
    changes = Changes(Store.in_directory(tmp_path), Redactor(), keep_days=90)
    snapshot = "/nodes/pve1/qemu/100/snapshot"
    for name in ("mcp-20261128-203000-1f3a", "mcp-of-a-person"):
        made = changes.begin(call_of("POST", snapshot, {"snapname": name}), {}, BACK)
        changes.finish(made, WriteOutcome(outcome="ok", after={}, inverse=BACK))
    listed = run("changes")
    assert "1 snapshot that a rule had taken first, since " in listed
    assert f"  {snapshot}/mcp-20261128-203000-1f3a (change {made - 1})\n" in listed
    assert listed.count(f"POST {snapshot}") == 1


@pytest.mark.usefixtures("number")
def test_an_age_that_is_none_says_how_to_write_it() -> None:
    with pytest.raises(CallError, match="'30 days' is not an age") as caught:
        run("changes", "prune", "--older-than", "30 days")
    assert "30d" in caught.value.advice
