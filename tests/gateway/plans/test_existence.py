"""What a step works on must be there, unless an earlier step makes it: else nothing is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gateway.conftest import RESOURCES
from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.errors import FailedError
from proxmox_mcp.gateway.plans.existence import Snapshots, missing_places, missing_targets
from proxmox_mcp.gateway.plans.steps import ConcreteStep
from proxmox_mcp.proxmox.inventory import Resources

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.conftest import Script
    from proxmox_mcp.gateway.cluster import Cluster

    Scripted = Callable[..., tuple[Cluster, Script]]

pytestmark = pytest.mark.anyio

WEB, DB, TWIN = "/nodes/pve1/qemu/100", "/nodes/pve2/qemu/102", "/nodes/pve2/lxc/103"
LISTED = [{"name": "pre"}, {"name": "current"}]


def steps(*given: tuple[str, str], fanned: bool = False, **data: Any) -> list[ConcreteStep]:
    return [
        ConcreteStep(
            number=n, given=n, method=method, path=ApiPath.parse(path), data=data if n == 1 else {}, fanned=fanned
        )
        for n, (method, path) in enumerate(given, 1)
    ]


async def faults(made: list[ConcreteStep], cluster: Cluster, *, sees_all: bool = True) -> dict[int, str]:
    found = await missing_targets(made, Snapshots(cluster), Resources.of(RESOURCES), sees_all=sees_all)
    return {number: str(fault.error) for number, fault in found.items()}


async def test_a_guest_that_is_not_there_is_a_fault_where_the_token_sees_all(scripted: Scripted) -> None:
    cluster, _ = scripted()
    made = steps(("POST", "/nodes/pve1/qemu/999/status/stop"))
    assert "There is no guest 999." in (await faults(made, cluster))[1]
    assert await faults(made, cluster, sees_all=False) == {}


async def test_a_guest_elsewhere_is_a_fault_with_its_path(scripted: Scripted) -> None:
    cluster, _ = scripted()
    made = steps(("POST", "/nodes/pve1/qemu/102/status/stop"), ("POST", "/nodes/pve2/qemu/103/status/stop"))
    found = await faults(made, cluster)
    assert found[1] == f"102 is a VM on pve2.\nThe path: {DB}/status/stop"
    assert found[2] == f"103 is a container on pve2.\nThe path: {TWIN}/status/stop"


@pytest.mark.parametrize(
    ("first", "data"),
    [
        (("POST", f"{WEB}/clone"), {"newid": "999"}),
        (("POST", "/nodes/pve1/qemu"), {"vmid": "999"}),
    ],
)
async def test_a_guest_that_an_earlier_step_makes_is_there(
    first: tuple[str, str], data: dict[str, Any], scripted: Scripted
) -> None:
    cluster, _ = scripted()
    assert await faults(steps(first, ("POST", "/nodes/pve1/qemu/999/status/start"), **data), cluster) == {}


async def test_a_guest_that_an_earlier_step_moves_is_there(scripted: Scripted) -> None:
    cluster, _ = scripted()
    assert await faults(steps(("POST", f"{WEB}/migrate"), ("PUT", "/nodes/pve2/qemu/100/config")), cluster) == {}


async def test_a_snapshot_that_is_not_there_is_a_fault_with_those_there_are(scripted: Scripted) -> None:
    cluster, script = scripted({f"{WEB}/snapshot": LISTED, f"{DB}/snapshot": [{"name": "current"}]})
    made = steps(
        ("DELETE", f"{WEB}/snapshot/pre"), ("DELETE", f"{WEB}/snapshot/other"), ("POST", f"{DB}/snapshot/pre/rollback")
    )
    assert await faults(made, cluster) == {
        2: "100 has no snapshot other. There are: pre.",
        3: "102 has no snapshot pre. It has none.",
    }
    assert script.paths.count(f"{WEB}/snapshot") == 1


async def test_a_snapshot_that_an_earlier_step_makes_is_there(scripted: Scripted) -> None:
    cluster, _ = scripted({f"{WEB}/snapshot": LISTED})
    made = steps(("POST", f"{WEB}/snapshot"), ("DELETE", f"{WEB}/snapshot/new"), snapname="new")
    assert await faults(made, cluster) == {}


async def test_what_can_not_be_read_is_no_fault(scripted: Scripted) -> None:
    cluster, _ = scripted({f"{WEB}/snapshot": FailedError("no")})
    assert await faults(steps(("DELETE", f"{WEB}/snapshot/pre")), cluster) == {}


async def test_places_of_a_star_without_the_snapshot_are_left_out(scripted: Scripted) -> None:
    cluster, _ = scripted({f"{WEB}/snapshot": LISTED, f"{DB}/snapshot": [{"name": "current"}]})
    made = steps(("DELETE", f"{WEB}/snapshot/pre"), ("DELETE", f"{DB}/snapshot/pre"), fanned=True)
    assert list(await missing_places(made, Snapshots(cluster))) == [f"{DB}/snapshot/pre"]
    assert await missing_places(steps(("DELETE", f"{DB}/snapshot/pre")), Snapshots(cluster)) == {}
