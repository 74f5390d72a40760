"""The retention of a backup in words. Which backups would go, and which guests are taken: ``test_reach``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from proxmox_mcp.gateway.backup_runs import retention_words
from proxmox_mcp.gateway.live_state import LiveState
from proxmox_mcp.record.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox_mcp.gateway.cluster import Cluster
    from proxmox_mcp.policy.call import Call

    Scripted = Callable[..., tuple[Cluster, Any]]
    Action = Callable[..., Call]

pytestmark = pytest.mark.anyio

IN_FORCE = {"/nodes/pve1/vzdump/defaults": {"prune-backups": "keep-last=3"}}


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"storage": "nas", "prune-backups": "keep-last=7"}, "Keeps the last 7 backups of each guest on nas"),
        (
            {"prune-backups": "keep-daily=7,keep-weekly=4"},
            "Keeps one for each of the last 7 days, one for each of the last 4 weeks backups of each guest",
        ),
        ({"storage": "nas", "remove": "0"}, "Removes no backup on nas"),
        ({"storage": "nas", "prune-backups": "keep-all=1"}, "Keeps all backups on nas"),
        ({"storage": "nas"}, ""),
    ],
)
async def test_a_retention_is_told_in_words(
    scripted: Scripted, action: Action, data: dict[str, str], told: str
) -> None:
    cluster, _ = scripted({})
    for run in (
        action("POST", "/cluster/backup", data=data),
        action("PUT", "/cluster/backup/{id}", "nightly", data=data),
        action("POST", "/nodes/{node}/vzdump", "pve1", data=data),
    ):
        assert await retention_words(LiveState(run, cluster)) == told


async def test_the_retention_in_force_is_told_of_a_run_that_names_none(scripted: Scripted, action: Action) -> None:
    cluster, _ = scripted(IN_FORCE)
    for method, data, told in (
        ("POST", {}, "Keeps the last 3 backups of each guest"),
        ("POST", {"storage": "nas"}, "Keeps the last 3 backups of each guest on nas"),
        ("POST", {"prune-backups": "keep-last=7"}, "Keeps the last 7 backups of each guest"),
    ):
        run = action(method, "/nodes/{node}/vzdump", "pve1", data=data)
        assert await retention_words(LiveState(run, cluster)) == told
    statement = await LiveState(action("GET", "/nodes/{node}/vzdump", "pve1"), cluster).statement(Redactor())
    assert not [note for note in statement.notes if note.startswith("Keeps")]
