"""Who may do what, and what is on record of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clients import Person, connect
from in_process import serving_here

if TYPE_CHECKING:
    from collections.abc import Callable

    from serving import Served
    from upstream import Upstream

    Golden = Callable[[str, str], None]

pytestmark = pytest.mark.anyio

RESET = "/nodes/pve1/qemu/133/status/reset"
TRANSPORTS = ["sse", "http"]


async def test_two_callers_of_different_rights_are_shown_and_allowed_different_things(
    several: Served, tokens: dict[str, str], upstream: Upstream, golden: Golden
) -> None:
    config = "/nodes/pve2/qemu/131/config"
    for transport in TRANSPORTS:
        async with connect(several, transport, token=tokens["viewer"]) as viewer:
            tools = [tool.name for tool in (await viewer.client.list_tools()).tools]
            read = await viewer.get(config, fields="name")
            with pytest.raises(Exception, match="There is no tool proxmox_api_call"):
                await viewer.make("PUT", config, {"onboot": 1})
            inside = await viewer.get("/nodes/pve1/qemu/110/agent/file-read", data={"file": "/etc/passwd"})
        assert "proxmox_api_call" not in tools
        assert read.text == "name: stage-db"
        golden("confirmation/read-only-inside", inside.text)
        async with connect(several, transport, token=tokens["ops"]) as ops:
            assert not (await ops.make("PUT", config, {"description": transport})).is_error
        assert upstream.call("GET", config)["description"].strip() == transport


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full, a disk that is always full, is not here")
async def test_a_write_that_cannot_be_put_on_record_is_not_sent(
    on_demo: dict[str, str], upstream: Upstream, resets: Callable[[], int], tmp_path: Path, golden: Golden
) -> None:
    config = "/nodes/pve2/qemu/130/config"
    async with (
        serving_here(tmp_path, **on_demo, MCP_AUDIT_FILE="/dev/full") as here,
        connect(here, person=Person("accept")) as session,
    ):
        read = await session.get("/version", fields="version")
        written = await session.make("PUT", config, {"description": "unrecorded"})
        reset = await session.make("POST", RESET)
    assert read.text == "version: 9.1.9"
    assert written.is_error
    golden("confirmation/full-disk", written.text)
    assert reset.is_error
    assert upstream.call("GET", config).get("description", "") != "unrecorded"
    assert resets() == 0


async def test_the_audit_tells_who_did_what_and_how_it_was_confirmed(several: Served, tokens: dict[str, str]) -> None:
    async with connect(several, token=tokens["dev"], person=Person("accept")) as session:
        await session.make("POST", RESET, dry_run=True)
        await session.make("POST", RESET)
        await session.make("PUT", "/nodes/pve2/qemu/131/config", {"cipassword": "hunter2-and-more"})
    lines = [json.loads(line) for line in (several.directory / "audit.jsonl").read_text().splitlines()]
    dry, intent, outcome = [line for line in lines if line["caller"] == "dev" and line["path"] == RESET][-3:]
    assert (dry["event"], dry["result"], dry["decision"]) == ("outcome", "dry-run", "confirm")
    assert (intent["event"], intent["id"]) == ("intent", outcome["id"])
    assert (outcome["confirmation"], outcome["effects"], outcome["result"]) == ("person", ["disrupt"], "ok")
    assert outcome["upid"].startswith("UPID:pve1:")
    assert outcome["client"].startswith("mcp ")
    assert "hunter2" not in (several.directory / "audit.jsonl").read_text()
    assert "hunter2" not in several.log
    listed = several.run("audit", "--caller", "dev", "--result", "dry-run")
    assert listed.stdout.splitlines()[-1].endswith(f"dry-run          POST   {RESET}")
