"""Free identifiers: ids that no guest has, not even one that the token can't see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from proxmox_mcp.errors import ParametersError, TargetError
from proxmox_mcp.gateway.plans.identifiers import FreeIdentifiers, find_free

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.conftest import Script
    from proxmox_mcp.gateway.cluster import Cluster

    Scripted = Callable[..., tuple[Cluster, Script]]

pytestmark = pytest.mark.anyio


def with_unseen(script: Script, unseen: set[int]) -> None:
    """``nextid`` as Proxmox answers it where guests are hidden from the token."""
    plain = script.request

    async def request(method: str, path: str, params: Any = None, **more: Any) -> Any:
        if path == "/cluster/nextid" and params:
            if int(params["vmid"]) in unseen:
                raise ParametersError("VM already exists")
            return params["vmid"]
        return await plain(method, path, params, **more)

    script.request = request  # type: ignore[method-assign]


async def test_ids_are_free_and_none_is_given_twice(scripted: Scripted) -> None:
    cluster, script = scripted({"/cluster/nextid": "102"})
    with_unseen(script, {107, 109})
    found = await find_free(["newid", "vmid", "newid"], {106}, cluster)
    assert found.guests == ["108", "110", "111"]  # 102 to 105 are seen, 106 is named in the plan
    assert [found.take("newid"), found.take("vmid"), found.take("newid")] == ["108", "110", "111"]
    with pytest.raises(TargetError, match="State it again"):
        found.take("newid")


async def test_a_job_gets_a_name_of_its_own_and_no_request(scripted: Scripted) -> None:
    cluster, script = scripted()
    found = await find_free(["id", "id"], (), cluster)
    assert len(set(found.jobs)) == 2
    assert all(job.startswith("backup-") for job in found.jobs)
    assert script.asked == []


async def test_where_no_id_is_free_it_says_so(scripted: Scripted) -> None:
    cluster, script = scripted({"/cluster/nextid": "200"})
    with_unseen(script, set(range(200, 1000)))
    with pytest.raises(TargetError, match="Give ids yourself"):
        await find_free(["newid"], (), cluster)


def test_identifiers_are_given_again_as_they_were() -> None:
    allocated = FreeIdentifiers(["109", "110"], ["backup-1"]).all()
    again = FreeIdentifiers.again(allocated)
    assert [again.take("id"), again.take("newid"), again.take("vmid")] == ["backup-1", "109", "110"]
