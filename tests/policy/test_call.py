"""The value that the pipeline refines: what a confirmation is bound to, and what judging it takes and gives."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from proxmox_mcp.apidoc.effects import bundled_effects
from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.apidoc.reviews import Effect
from proxmox_mcp.policy.call import Call, Received, judge
from proxmox_mcp.policy.caller import Caller, Mode
from proxmox_mcp.policy.policy import Decision, Policy
from proxmox_mcp.policy.rules import Rule, Verdict
from proxmox_mcp.policy.targets import targets_of

CALL = Call(
    caller=Caller(name="ops"),
    cluster="lab",
    method="DELETE",
    path=ApiPath.parse("/nodes/pve1/qemu/102"),
    template="/nodes/{node}/qemu/{vmid}",
    path_params={"node": "pve1", "vmid": "102"},
    data={"purge": "1"},
)


def decision_of(call: Call, *rules: Rule) -> Decision:
    return Policy(Mode.FULL, list(rules)).decide(call)


def test_no_two_calls_run_together_into_one_digest() -> None:
    one = replace(CALL, caller=Caller(name="ops"), cluster="lab")
    other = replace(CALL, caller=Caller(name="opsl"), cluster="ab")
    assert one.digest() != other.digest()


def test_who_records_a_call_and_what_was_found_out_of_it_make_no_other_digest() -> None:
    later = judge(replace(CALL, tool="proxmox_api", client="a client", id="7", undo="yes"), bundled_effects())
    assert later.answered(Received(data="UPID:")).digest() == CALL.digest()


def test_each_step_gives_the_call_back_with_what_it_found_and_leaves_the_one_before() -> None:
    judged = judge(CALL, bundled_effects())
    received = Received(data=1, notes=("a note",))
    steps: list[tuple[Call, Call, dict[str, Any]]] = [
        (
            CALL,
            CALL.judged(judged.judgement, judged.targets),
            {"judgement": judged.judgement, "targets": judged.targets},
        ),
        (judged, judged.decided(decision_of(judged)), {"decision": decision_of(judged)}),
        (judged, judged.answered(received), {"received": received}),
    ]
    for before, after, found in steps:
        kept = {name: getattr(before, name) for name in before.__struct_fields__}
        assert after == replace(before, **found)
        assert kept == {name: getattr(before, name) for name in before.__struct_fields__}


def test_a_call_is_judged_by_its_effects_and_what_it_hits() -> None:
    judged = judge(CALL, bundled_effects())
    assert Effect.DESTROY in judged.judgement.effects
    assert judged.targets == targets_of(CALL, judged.judgement.open_ended)
    assert judged.targets.guests == {102}


def test_a_call_that_can_be_undone_is_judged_without_the_destruction_that_its_undo_takes_back() -> None:
    change = replace(
        CALL,
        method="PUT",
        path=ApiPath.parse("/nodes/pve1/qemu/102/config"),
        template="/nodes/{node}/qemu/{vmid}/config",
        data={"scsi0": "local-lvm:vm-102-disk-0,cache=none"},
    )
    lost = judge(change, bundled_effects()).judgement
    kept = judge(replace(change, undoable=True), bundled_effects()).judgement
    assert kept == lost.relieved()
    assert lost.effects - kept.effects == {Effect.DESTROY}


@pytest.mark.parametrize(
    ("method", "snapshot", "asked"), [("DELETE", True, True), ("DELETE", False, False), ("GET", True, False)]
)
def test_a_snapshot_is_asked_for_where_a_rule_says_so_of_a_write(method: str, snapshot: bool, asked: bool) -> None:
    call = replace(CALL, method=method)
    assert not call.snapshot_asked
    assert call.decided(decision_of(call, Rule(verdict=Verdict.ALLOW, snapshot=snapshot))).snapshot_asked is asked


def test_a_call_is_named_by_its_decoded_path() -> None:
    assert replace(CALL, path=ApiPath.parse("/pools/a%20b")).name == "DELETE /pools/a b"
