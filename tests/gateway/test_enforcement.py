"""What is let through and what is asked: answers count once, for what was asked, whichever way they were given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from proxmox.raw_server import reply
from proxmox.raw_server import serving as raw_serving
from proxmox_mcp.errors import ConfirmationError, ConfirmationNeededError, DeniedError
from proxmox_mcp.gateway import Gateway, Reply, Request
from proxmox_mcp.gateway.request import NoClient
from proxmox_mcp.policy.caller import Caller, Mode

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox.raw_server import RawServer
    from proxmox.raw_server import Request as Sent

pytestmark = pytest.mark.anyio

DELETE = Request(path="/nodes/pve1/qemu/101", method="DELETE")


class AskedError(Exception):
    """The call ended with a question."""


class Later(NoClient):
    """A client whose person answers with the call made again."""

    can_be_asked, follows_progress = True, False

    def __init__(self) -> None:
        self.answer: Reply | None = None
        self.token = ""

    async def ask(self, question: str, token: str) -> bool:
        self.token = token
        raise AskedError(question)

    async def progress(self, done: float | None, text: str) -> None:
        """Nobody listens."""


async def test_a_question_that_was_declined_can_not_be_accepted_afterwards(
    gateway: Gateway, recorder: RawServer
) -> None:
    before, client = len(recorder.posted), Later()
    with pytest.raises(AskedError):
        await gateway.call(DELETE, client)
    for agreed in (False, True):
        client.answer = Reply(client.token, agreed)
        with pytest.raises(ConfirmationError):
            await gateway.call(DELETE, client)
    assert len(recorder.posted) == before


async def test_a_question_that_was_accepted_is_accepted_once(gateway: Gateway, recorder: RawServer) -> None:
    before, client = len(recorder.posted), Later()
    with pytest.raises(AskedError):
        await gateway.call(DELETE, client)
    client.answer = Reply(client.token, agreed=True)
    assert (await gateway.call(DELETE, client)).startswith("Done: DELETE /nodes/pve1/qemu/101\n")
    with pytest.raises(ConfirmationError):
        await gateway.call(DELETE, client)
    assert len(recorder.posted) == before + 1


CONFIRMED = """
[[rule]]
verdict = "confirm"
path = "/nodes/{node}/qemu/{vmid}/config"
"""


@pytest.mark.parametrize("setting", ["token", "operator"])
async def test_a_fan_asks_nobody_about_its_places(
    setting: str, recorder: RawServer, gateway_to: Callable[..., Gateway]
) -> None:
    gateway = gateway_to(recorder.port, CONFIRMED, MCP_CONFIRM=setting)
    with pytest.raises(DeniedError, match=r"needs a confirmation .* of one place at a time"):
        await gateway.call(Request(path="/nodes/*/qemu/*/config"))
    assert gateway.guard.approvals.pending() == []
    with pytest.raises(ConfirmationNeededError):
        await gateway.call(Request(path="/nodes/pve1/qemu/100/config"))


NAMED = """
[[rule]]
verdict = "allow"
path = "/nodes/{node}/qemu/{vmid}/agent/file-read"
"""
FILE = Request(path="/nodes/pve1/qemu/101/agent/file-read", data={"file": "/etc/hostname"}, reads_only=True)


async def test_in_read_only_mode_the_read_tool_reads_inside_where_a_rule_names_it(
    recorder: RawServer, gateway_to: Callable[..., Gateway]
) -> None:
    gateway = gateway_to(recorder.port, NAMED, MCP_MODE="read-only")
    await gateway.call(FILE)
    assert any(request.target.startswith("/api2/json/nodes/pve1/qemu/101/agent/") for request in recorder.requests)
    with pytest.raises(DeniedError, match="read-only mode"):
        await gateway.call(replace(FILE, path="/nodes/pve1/qemu/101/agent/exec-status", data={"pid": 1}))


async def test_a_caller_who_has_the_other_tool_reads_inside_with_that(
    recorder: RawServer, gateway_to: Callable[..., Gateway]
) -> None:
    gateway = gateway_to(recorder.port, NAMED, MCP_MODE="guarded")
    with pytest.raises(DeniedError, match="proxmox_api_get is for what only reads the cluster"):
        await gateway.call(FILE)
    await gateway.call(replace(FILE, caller=Caller(name="viewer", mode=Mode.READ_ONLY)))


class AtConsole(NoClient):
    """A person at the console: agrees to what is asked, and keeps it."""

    can_be_asked, follows_progress = True, False
    answer: Reply | None = None

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def ask(self, question: str, token: str) -> bool:
        self.asked.append(question)
        return True

    async def progress(self, done: float | None, text: str) -> None:
        """The page shows it."""


BY_LENA = replace(DELETE, operator="lena", caller=Caller(name="console:lena", owner="lena", mode=Mode.GUARDED))


async def test_an_operator_who_asks_and_agrees_needs_no_approval_of_their_own(
    recorder: RawServer, gateway_to: Callable[..., Gateway]
) -> None:
    gateway, client = gateway_to(recorder.port, "", MCP_CONFIRM="operator"), AtConsole()
    assert (await gateway.call(BY_LENA, client)).startswith("Done: DELETE /nodes/pve1/qemu/101")
    assert len(client.asked) == 1
    assert gateway.guard.approvals.pending() == []


FOUR_EYES = """
[[rule]]
verdict = "confirm"
four_eyes = true
effect = "destroy"
"""


@pytest.mark.parametrize("request_", [BY_LENA, DELETE], ids=["at the console", "in the client"])
async def test_with_four_eyes_nobody_agrees_to_their_own_call(
    request_: Request, recorder: RawServer, gateway_to: Callable[..., Gateway]
) -> None:
    waits = {"MCP_APPROVAL_WAIT": "3600" if request_.operator else "0"}  # A page of the console never waits.
    gateway, client, before = gateway_to(recorder.port, FOUR_EYES, **waits), AtConsole(), len(recorder.posted)
    with pytest.raises(ConfirmationNeededError, match="A person must approve this"):
        await gateway.call(request_, client)
    assert client.asked == []
    assert len(recorder.posted) == before
    (waiting,) = gateway.guard.approvals.pending()
    gateway.guard.approvals.decide(waiting.number, approve=True, by="jo")
    assert (await gateway.call(replace(request_, confirm=str(waiting.number)), client)).startswith("Done: DELETE")


ALL_CHANGES = """
[[rule]]
verdict = "confirm"
path = "/cluster/**"
"""
METRICS = Request(
    path="/cluster/metrics/server/graphs",
    method="PUT",
    data={"server": "10.0.0.1", "port": 8089, "disable": 1},
)


@pytest.mark.parametrize("meanwhile", ["10.0.0.1", "10.0.0.2"])
async def test_after_a_yes_the_effects_are_judged_again_by_what_is_there_then(
    meanwhile: str, recorder: RawServer, gateway_to: Callable[..., Gateway]
) -> None:
    kept = {"id": "graphs", "type": "influxdb", "server": "10.0.0.1", "port": 8089}

    def answer(request: Sent, connection: Any) -> None:
        data: Any = [] if request.method == "GET" else None
        if request.method == "GET" and request.target.partition("?")[0].endswith("/graphs"):
            data = kept
        connection.sendall(reply(data))

    class Slow(AtConsole):
        async def ask(self, question: str, token: str) -> bool:
            kept["server"] = meanwhile
            return await super().ask(question, token)

    assert recorder.certificate is not None
    with raw_serving(answer, recorder.certificate) as upstream:
        gateway, client = gateway_to(upstream.port, ALL_CHANGES), Slow()
        try:
            if meanwhile == "10.0.0.1":
                assert (await gateway.call(METRICS, client)).startswith("Done: PUT")
            else:
                with pytest.raises(ConfirmationError, match="outreach, by server"):
                    await gateway.call(METRICS, client)
        finally:
            await gateway.aclose()
    (question,) = client.asked
    assert "outreach" not in question
    assert [request.method for request in upstream.requests].count("PUT") == (meanwhile == "10.0.0.1")
