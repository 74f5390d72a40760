"""A real client whose call waits for a person elsewhere: it hears where, is offered the link, and then is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio.to_thread
import mcp_types as types
import pytest
from mcp import MCPError

from clients import ERAS, Person, connect
from in_process import serving_here
from serving import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from in_process import Here
    from webhook import Webhook

pytestmark = pytest.mark.anyio

RESET = "/nodes/pve1/qemu/133/status/reset"
TRANSPORTS = ["sse", "http"]
PUBLIC = "https://pve.example.org"


@pytest.fixture
async def here(on_demo: dict[str, str], tmp_path: Path) -> AsyncIterator[Here]:
    settings = {"MCP_CONFIRM": "operator", "MCP_PUBLIC_URL": PUBLIC, "MCP_CONCURRENCY": "1"}
    async with serving_here(tmp_path, **on_demo, **settings) as served:
        yield served


class Opens(Person):
    """Somebody at a client that can open links: does something once they are offered one."""

    def __init__(self, action: str, meanwhile: Callable[[], object]) -> None:
        super().__init__(action)
        self.links: list[str] = []
        self._then = meanwhile

    async def __call__(self, context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        assert isinstance(params, types.ElicitRequestURLParams), params
        self.questions.append(params.message)
        self.links.append(params.url)
        await anyio.to_thread.run_sync(self._then)
        return types.ElicitResult(action=self._action)  # type: ignore[arg-type]


@pytest.mark.parametrize("action", ["accept", "decline"])
@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_client_that_can_open_links_offers_the_page_of_the_request(
    transport: str, era: str, action: str, here: Here, resets: Callable[[], int]
) -> None:
    person = Opens(action, lambda: here.gateway.guard.approvals.decide(1, approve=True, by="lena"))
    async with connect(here, transport, era, person=person) as session:
        answer = await session.make("POST", RESET)
    assert "ended: OK" in answer.text
    assert person.links == [f"{PUBLIC}/console/approvals/1"]
    assert resets() == 1


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_client_that_waits_is_told_where_a_person_decides(
    transport: str, here: Here, resets: Callable[[], int]
) -> None:
    told: list[str] = []
    async with connect(here, transport) as session:

        async def deny(progress: float, total: float | None, message: str | None) -> None:
            told.append(message or "")
            if len(told) == 1:
                other = await session.get("/version")
                assert not other.is_error, "the call that waits is none that runs"
                decide = here.gateway.guard.approvals.decide
                await anyio.to_thread.run_sync(lambda: decide(1, approve=False, by="lena", reason="not on a Friday"))

        arguments = {"method": "POST", "path": RESET}
        result = await session.client.call_tool(
            "proxmox_api_call", arguments, read_timeout_seconds=30, progress_callback=deny
        )
    assert told[0] == f"waiting for approval 1: {PUBLIC}/console/approvals/1"
    assert result.is_error
    block = result.content[0]
    assert isinstance(block, types.TextContent)
    assert 'request 1 is denied by lena: "not on a Friday"' in block.text
    assert resets() == 0


async def test_people_are_notified_of_a_call_that_waits_in_place_of_a_token(
    on_demo: dict[str, str], tmp_path: Path, webhook: Webhook
) -> None:
    settings = {"MCP_NOTIFY": webhook.address, "MCP_PUBLIC_URL": PUBLIC, "MCP_APPROVAL_WAIT": "0"}
    with serving(tmp_path, **on_demo, **settings) as served:
        served.wait_for("the node runs 9.1.9")
        async with connect(served, "http") as session:
            answer = await session.make("POST", RESET)
        await anyio.to_thread.run_sync(webhook.wait_for, 1)
    assert f"Ask the operator to approve it at {PUBLIC}/console/approvals/1" in answer.text
    assert webhook.messages[0] == (
        "proxmox-mcp: Request 1 waits for an approval: disrupt.",
        f"Request 1 waits for an approval: disrupt. {PUBLIC}/console/approvals/1",
    )


async def test_a_client_that_gives_up_and_leaves_at_once_is_no_fault_of_the_server(
    on_demo: dict[str, str], tmp_path: Path
) -> None:
    """It cancels its call and ends its session at the same moment, on two connections."""
    gives_up = pytest.RaisesGroup(pytest.RaisesExc(MCPError, match="[Tt]imed out"), flatten_subgroups=True)
    with serving(tmp_path, **on_demo, MCP_CONFIRM="operator") as served:
        for guest in range(131, 134):
            with gives_up:
                async with connect(served, "http") as session:
                    call = {"method": "POST", "path": f"/nodes/pve1/qemu/{guest}/status/reset"}
                    await session.client.call_tool("proxmox_api_call", call, read_timeout_seconds=1)
        served.end()
        assert "ERROR" not in served.log
