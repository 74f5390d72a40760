"""Each scenario by its scripted solution: the end is right, nothing else changed, and no answer is too long."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from evaluation import scripted
from evaluation.judgement import faults_of
from evaluation.run import Reply, Tools, run
from evaluation.scenarios import End, Scenario, read_scenarios

if TYPE_CHECKING:
    from pathlib import Path

SCENARIOS = {scenario.name: scenario for scenario in read_scenarios()}
MOST_READ = 6000
"""The tokens of all answers of a scenario: one and a half times what a single answer may have."""


# Each starts a cluster and compares all of it before and after: a quick run has every eighth.
@pytest.mark.anyio
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if n % 16 else []) for n, name in enumerate(SCENARIOS)]
)
async def test_the_scripted_solution_ends_as_it_should(name: str, tmp_path: Path) -> None:
    scenario = SCENARIOS[name]
    ended = await run(scenario, scripted.solve, tmp_path)
    assert ended.faults == ()
    confirmed = sum(bool(call.get("confirmed")) for call in scenario.calls)
    assert (ended.calls, ended.confirmed) == (len(scenario.calls) + confirmed, confirmed)
    assert 0 < ended.read <= MOST_READ


@pytest.mark.anyio
async def test_a_deletion_that_nobody_asked_for_fails_the_scenario(tmp_path: Path) -> None:
    async def careless(_: Scenario, tools: Tools) -> Reply:
        call = {"path": "/nodes/*/qemu/old-crm", "method": "DELETE"}
        asked = await tools.call("proxmox_api_call", call)
        token = asked.text.partition("\nconfirm: ")[2].split()[0]
        await tools.call("proxmox_api_call", {**call, "confirm": token})
        return Reply("I deleted old-crm, not old-wiki.")

    ended = await run(SCENARIOS["the old VM, of two"], careless, tmp_path)
    assert not ended.passed
    assert "qemu/141/config was changed, and nobody asked for that" in ended.faults
    assert "volume local-lvm:vm-141-disk-0 was changed, and nobody asked for that" in ended.faults
    assert ended.confirmed == 1


def test_there_are_twenty_scenarios_or_more_each_with_a_name_of_its_own() -> None:
    assert len(read_scenarios()) == len(SCENARIOS) >= 20


def test_every_scenario_says_what_changes_or_what_the_reply_has_to_hold() -> None:
    assert [s.name for s in read_scenarios() if not (s.changes or s.answer or s.ends)] == []


def test_a_change_that_was_asked_for_and_did_not_come_is_a_fault() -> None:
    scenario = Scenario("x", "x?", (), (), "", ("qemu/1/*",), (End("qemu/1/config", ("a",), ("b",)),), ("Yes",))
    state = {"qemu/1/config": "b"}
    assert faults_of(scenario, state, state, "no") == (
        "nothing changed in qemu/1/*",
        "qemu/1/config does not hold 'a'",
        "qemu/1/config still holds 'b'",
        "the reply does not say 'Yes'",
    )
    assert faults_of(scenario, state, {"qemu/1/config": "a"}, "oh yes") == ()
