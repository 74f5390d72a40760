"""Everyday changes: which of them are asked about is part of what is promised."""

from __future__ import annotations

from proxmox_mcp.apidoc import bundled_versions, load_index
from proxmox_mcp.apidoc.effects import bundled_effects
from proxmox_mcp.apidoc.routes import Route
from proxmox_mcp.policy.common_changes import COMMON_CHANGES, asked_about

INDEX = load_index(bundled_versions()[-1])
NOT_ASKED = {
    *("start a VM", "clone a VM", "take a snapshot", "grow a disk", "add a disk", "move a disk to another storage"),
    *("set tags and notes", "give more memory and cores", "start at boot", "put an ISO in", "add a network card"),
    *("create a VM", "create a container", "back a guest up", "add a backup job", "change the time of a job"),
    *("disable a user", "take a role away", "create a pool", "put guests into a pool", "let HA manage a VM"),
    *("replicate a VM", "open a port of a VM to one network"),
}


def test_there_are_forty_and_each_is_a_call_that_the_schema_accepts() -> None:
    assert len({change.task for change in COMMON_CHANGES}) == 40
    wrong = {
        change.task: [str(problem) for problem in found.problems]
        for change in COMMON_CHANGES
        if not (found := INDEX.check(change.method, change.path, change.data)).ok
        or not isinstance(INDEX.route(change.path), Route)
    }
    assert wrong == {}


def test_which_everyday_changes_are_not_asked_about() -> None:
    quiet = {change.task for change in COMMON_CHANGES if not asked_about(change, INDEX, bundled_effects())}
    assert quiet == NOT_ASKED


def test_each_change_that_is_asked_about_says_why() -> None:
    for change in COMMON_CHANGES:
        assert all(": " in reason for reason in asked_about(change, INDEX, bundled_effects()))
