"""Which cluster a call means, and whether its inventory is known to be whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from proxmox_mcp.errors import CallError
from proxmox_mcp.gateway.cluster import Cluster, choose
from proxmox_mcp.policy.caller import LOCAL, Caller

if TYPE_CHECKING:
    from collections.abc import Callable

    Scripted = Callable[..., tuple[Cluster, Any]]

OF_THE_LAB = Caller(name="ops", clusters=frozenset({"lab"}))


@pytest.fixture
def clusters(scripted: Scripted) -> dict[str, Cluster]:
    return {name: scripted()[0] for name in ("lab", "office")}


def test_the_only_cluster_that_a_caller_may_use_needs_no_name(clusters: dict[str, Cluster]) -> None:
    assert choose({"": clusters["lab"]}, "", LOCAL) is clusters["lab"]
    assert choose(clusters, "", OF_THE_LAB) is clusters["lab"]
    assert choose(clusters, "office", LOCAL) is clusters["office"]


@pytest.mark.parametrize(
    ("name", "caller", "said", "advice"),
    [
        (
            "", LOCAL, "Several clusters are configured, and the call names none.",
            "Set `cluster` to one of: lab, office.",
        ),
        ("prod", LOCAL, "There is no cluster `prod`.", "Set `cluster` to one of: lab, office."),
        ("office", OF_THE_LAB, "There is no cluster `office`.", "Set `cluster` to one of: lab."),
        (
            "lab", Caller(name="x", clusters=frozenset({"gone"})), "There is no cluster `lab`.",
            "Set `cluster` to one of: (none that you may use).",
        ),
    ],
)  # fmt: skip
def test_a_cluster_that_a_caller_may_not_use_is_told_as_one_that_is_not_there(
    name: str, caller: Caller, said: str, advice: str, clusters: dict[str, Cluster]
) -> None:
    with pytest.raises(CallError) as caught:
        choose(clusters, name, caller)
    assert (caught.value.message, caught.value.advice) == (said, advice)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("permissions", "all_of_them"),
    [({"/vms": {"VM.Audit": 1}}, True), ({"/": {"VM.Audit": 1}}, True), ({"/vms/100": {"VM.Audit": 1}}, False)],
)
async def test_an_inventory_is_whole_for_who_may_see_all_guests(
    permissions: dict[str, Any], all_of_them: bool, scripted: Scripted
) -> None:
    cluster, _ = scripted({"/access/permissions": permissions}, "ops@pve!t1")
    assert await cluster.sees_all_guests() is all_of_them


@pytest.mark.anyio
async def test_all_calls_follow_tasks_by_one_watcher(scripted: Scripted) -> None:
    cluster, _ = scripted()
    assert cluster.tasks is cluster.tasks
