"""``proxmox-mcp changes``: what is on record, for people and for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from proxmox_mcp.cli import commands
from proxmox_mcp.errors import CallError
from proxmox_mcp.record.changes import Changes, Ended
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
    changes.finish(made, Ended(outcome="ok", after={CONFIG: {"cores": 4}}, inverse=BACK))
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
