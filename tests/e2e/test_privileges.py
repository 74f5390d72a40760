"""What a token may not do is said before, beside and after a call, with the line that grants it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from clients import Person, connect
from in_process import serving_here

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from clients import Session
    from proxmox_mcp.demo import DemoCluster

    Golden = Callable[[str, str], None]

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def as_token(demo: DemoCluster, token: str, tmp_path: Path) -> AsyncIterator[Session]:
    """A client of a server that has the token of ``user@realm``."""
    user, name = token.split("!")
    identity = {"PROXMOX_USER": user, "PROXMOX_TOKEN_ID": name, "PROXMOX_PASSWORD": demo.tokens[token]}
    async with serving_here(tmp_path, **{**demo.environment, **identity}) as here:
        await here.gateway.clusters["default"].schema.refresh()
        async with connect(here, token="", person=Person()) as session:
            yield session


async def test_a_search_marks_what_the_token_may_not_do(demo: DemoCluster, tmp_path: Path, golden: Golden) -> None:
    async with as_token(demo, "audit@pve!mcp", tmp_path) as session:
        found = await session.call("search_api", query="stop a vm", limit=2)
        reference = await session.call("search_api", query="/nodes/{node}/qemu/{vmid}/status/stop", method="POST")
    golden("privileges/search", found.text)
    assert "Not allowed to audit@pve!mcp: lacks VM.PowerMgmt on /vms/{vmid}" in reference.text


async def test_a_rehearsal_says_what_proxmox_will_probably_say(
    demo: DemoCluster, tmp_path: Path, golden: Golden
) -> None:
    async with as_token(demo, "audit@pve!mcp", tmp_path) as session:
        answer = await session.make("POST", "/nodes/pve1/qemu/103/status/stop", dry_run=True)
    golden("privileges/dry-run", answer.text)


async def test_a_refusal_of_proxmox_comes_with_the_line_that_grants_it(
    demo: DemoCluster, tmp_path: Path, golden: Golden
) -> None:
    async with as_token(demo, "audit@pve!mcp", tmp_path) as session:
        answer = await session.make("POST", "/nodes/pve1/qemu/103/status/stop")
    assert answer.is_error
    golden("privileges/refused", answer.text)


async def test_an_empty_list_is_not_passed_off_as_all_there_is(
    demo: DemoCluster, tmp_path: Path, golden: Golden
) -> None:
    async with as_token(demo, "guest@pve!mcp", tmp_path) as session:
        guests = await session.get("/nodes/pve1/qemu")
        resources = await session.call("get_cluster_resources", type="vm")
        nodes = await session.call("list_nodes")
        named = await session.get("/nodes/*/qemu/web-01/config")
    golden("privileges/empty-list", guests.text)
    golden("privileges/empty-resources", resources.text)
    assert "pve1" in nodes.text
    assert named.is_error
    assert "VM.Audit" in named.text


async def test_who_may_do_it_is_told_nothing_of_privileges(demo: DemoCluster, tmp_path: Path) -> None:
    async with as_token(demo, "root@pam!mcp", tmp_path) as session:
        found = await session.call("search_api", query="stop a vm", limit=2)
        empty = await session.get("/nodes/pve1/qemu", filter="name=nobody")
        pools = await session.call("get_cluster_resources", type="lxc", filter="name=nobody")
    assert "not allowed" not in found.text
    assert "lacks" not in empty.text + pools.text
