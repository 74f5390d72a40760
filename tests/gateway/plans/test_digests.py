"""The digest of what a step changes is read anew and sent, where the endpoint takes one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.gateway.plans.digests import with_digest
from proxmox_mcp.gateway.plans.steps import ConcreteStep

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.conftest import Script
    from proxmox_mcp.gateway.cluster import Cluster

    Scripted = Callable[..., tuple[Cluster, Script]]

pytestmark = pytest.mark.anyio

GUEST = "/nodes/pve1/qemu/100"


async def sent(made: tuple[Cluster, Script], method: str, path: str, **data: Any) -> dict[str, Any]:
    cluster, _ = made
    step = ConcreteStep(number=1, given=1, method=method, path=ApiPath.parse(path), data=data)
    endpoint = (await cluster.schema.current()).index.resolve(method, step.path)
    assert endpoint is not None
    return dict(await with_digest(step, endpoint, cluster))


@pytest.mark.parametrize(
    ("method", "path", "source", "answer"),
    [
        ("PUT", f"{GUEST}/config", f"{GUEST}/config", {"digest": "abc"}),
        ("PUT", f"{GUEST}/resize", f"{GUEST}/config", {"digest": "abc"}),
        ("POST", f"{GUEST}/firewall/rules", f"{GUEST}/firewall/rules", [{"pos": 0, "digest": "abc"}]),
        ("PUT", "/cluster/firewall/options", "/cluster/firewall/options", {"digest": "abc"}),
        ("PUT", "/storage/nas", "/storage/nas", {"digest": "abc"}),
    ],
)
async def test_the_digest_is_that_of_what_is_changed(
    method: str, path: str, source: str, answer: Any, scripted: Scripted
) -> None:
    made = scripted({source: answer})
    assert (await sent(made, method, path, comment="x"))["digest"] == "abc"
    assert source in made[1].paths


async def test_a_digest_of_the_callers_own_is_kept(scripted: Scripted) -> None:
    made = scripted({f"{GUEST}/config": {"digest": "abc"}})
    assert await sent(made, "PUT", f"{GUEST}/config", digest="old") == {"digest": "old"}
    assert made[1].asked == []


async def test_an_endpoint_that_takes_none_gets_none(scripted: Scripted) -> None:
    made = scripted({f"{GUEST}/config": {"digest": "abc"}})
    assert await sent(made, "POST", f"{GUEST}/status/stop") == {}
    assert made[1].asked == []


@pytest.mark.parametrize("answer", [{}, [], None, "text", {"digest": 5}])
async def test_where_none_is_told_or_nothing_can_be_read_none_is_sent(answer: Any, scripted: Scripted) -> None:
    told = {} if answer is None else {f"{GUEST}/config": answer}
    assert await sent(scripted(told), "PUT", f"{GUEST}/config", cores=4) == {"cores": 4}
