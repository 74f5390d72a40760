"""What a call destroys besides the values that an undo restores is asked about, though the call can be undone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gateway.conftest import gateway_to_demo
from proxmox_mcp.errors import ConfirmationNeededError
from proxmox_mcp.gateway import Request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from demo_api import Api
    from proxmox_mcp.demo import DemoCluster
    from proxmox_mcp.gateway import Gateway

pytestmark = pytest.mark.anyio

JOB = {"vmid": "100", "storage": "nas", "schedule": "02:00"}
NOT_ALL = "It can be undone partly (not: what is gone by then)."


@pytest.fixture
async def guarded(demo: DemoCluster, tmp_path: Path) -> AsyncIterator[Gateway]:
    async with gateway_to_demo(demo, tmp_path, MCP_MODE="guarded") as made:
        yield made


async def statement(gateway: Gateway, method: str, path: str, data: dict[str, Any]) -> str:
    """The statement that a call is asked about with; nothing is sent."""
    with pytest.raises(ConfirmationNeededError) as asked:
        await gateway.call(Request(path=path, method=method, data=data))
    return asked.value.message


@pytest.mark.parametrize(
    ("method", "path", "data"),
    [
        ("POST", "/cluster/backup", {**JOB, "prune-backups": "keep-last=1"}),
        ("PUT", "/cluster/backup/backup-shop", {"prune-backups": "keep-last=1"}),
        ("PUT", "/storage/nas", {"prune-backups": "keep-last=1"}),
        ("POST", "/cluster/jobs/realm-sync/s1", {"realm": "pam", "schedule": "daily", "remove-vanished": "entry"}),
        ("POST", "/cluster/replication", {"id": "141-0", "target": "pve2", "type": "local", "remove_job": "full"}),
    ],
)
async def test_what_a_setting_will_remove_is_asked_about_though_the_setting_can_be_restored(
    guarded: Gateway, method: str, path: str, data: dict[str, Any]
) -> None:
    said = await statement(guarded, method, path, data)
    assert "- destroy, by " in said
    assert NOT_ALL in said


async def test_a_job_by_the_retention_of_its_storage_is_asked_about_where_backups_would_go(
    guarded: Gateway, api: Api
) -> None:
    api.done("PUT", "/storage/nas", **{"prune-backups": "keep-last=2"})
    try:
        said = await statement(guarded, "POST", "/cluster/backup", JOB)
        assert "destroy, by remove: each run removes older backups as the storage's retention says" in said
        assert "will be removed" in said or "nas:backup/vzdump-qemu-100-" in said
    finally:
        api.done("PUT", "/storage/nas", delete="prune-backups")


async def test_a_setting_that_removes_nothing_is_not_asked_about(guarded: Gateway, api: Api) -> None:
    await guarded.call(
        Request(path="/cluster/backup", method="POST", data={**JOB, "id": "kept", "prune-backups": "keep-last=50"})
    )
    await guarded.call(Request(path="/storage/nas", method="PUT", data={"prune-backups": "keep-all=1"}))
    api.done("DELETE", "/cluster/backup/kept")
    api.done("PUT", "/storage/nas", delete="prune-backups")
