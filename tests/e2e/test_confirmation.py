"""The ladder of confirmations through real clients: a person's answer, else a token; nothing is sent without."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from clients import ERAS, Person, connect
from in_process import serving_here
from proxmox_mcp.confirm.confirmations import Confirmations, MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from serving import Served
    from upstream import Upstream

    Golden = Callable[[str, str], None]

pytestmark = pytest.mark.anyio

RESET = "/nodes/pve1/qemu/133/status/reset"
TRANSPORTS = ["sse", "http"]


# First: the person at the client.


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_what_a_person_accepts_is_done(
    transport: str, era: str, server: Served, resets: Callable[[], int], golden: Golden
) -> None:
    person = Person("accept")
    async with connect(server, transport, era, person=person) as session:
        answer = await session.make("POST", RESET)
    assert "ended: OK" in answer.text
    assert resets() == 1
    assert len(person.questions) == 1
    golden("confirmation/question", person.questions[0])


@pytest.mark.parametrize(
    "person",
    [Person("decline"), Person("cancel"), Person("accept", confirms=False)],
    ids=["declined", "cancelled", "unticked"],
)
@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_what_a_person_does_not_accept_is_not_done(
    transport: str, era: str, person: Person, server: Served, resets: Callable[[], int]
) -> None:
    async with connect(server, transport, era, person=person) as session:
        answer = await session.make("POST", RESET)
    assert answer.is_error
    assert answer.text.startswith("The question was declined or dismissed at the client.\nNothing was sent.")
    assert resets() == 0


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_guest_that_changed_while_the_person_thought_is_not_touched(
    transport: str, era: str, server: Served, upstream: Upstream, resets: Callable[[], int]
) -> None:
    person = Person("accept")
    person.meanwhile = lambda: upstream.config("/nodes/pve1/qemu/133", name="somebody-else")
    async with connect(server, transport, era, person=person) as session:
        try:
            answer = await session.make("POST", RESET)
        finally:
            upstream.config("/nodes/pve1/qemu/133", name="k8s-01")
    assert answer.is_error
    assert answer.text.startswith("what this call would hit has changed since.")
    assert "somebody-else" in answer.text
    assert resets() == 0


async def test_a_question_holds_no_figure_that_moves(server: Served) -> None:
    person = Person("decline")
    async with connect(server, "http", "auto", person=person) as session:
        await session.make("POST", RESET)
        await session.make("POST", RESET)
    assert person.questions[0] == person.questions[1]


# Second: a token that goes with the statement of the effect.


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_token_confirms_the_call_that_it_was_given_for_once(
    transport: str, era: str, server: Served, resets: Callable[[], int], golden: Golden
) -> None:
    async with connect(server, transport, era) as session:
        stated = await session.make("POST", RESET)
        assert stated.is_error
        assert resets() == 0
        done = await session.make("POST", RESET, confirm=stated.token)
        assert "ended: OK" in done.text
        again = await session.make("POST", RESET, confirm=stated.token)
    assert again.is_error
    assert "unknown, was used before, or is older than 10 minutes" in again.text
    assert resets() == 1
    golden("confirmation/statement", stated.text)


async def test_a_token_is_good_in_another_session_of_the_same_caller(server: Served, resets: Callable[[], int]) -> None:
    async with connect(server, "sse") as session:
        stated = await session.make("POST", RESET)
    async with connect(server, "http") as session:
        done = await session.make("POST", "/nodes/*/qemu/k8s-01/status/reset", confirm=stated.token)
    assert not done.is_error
    assert resets() == 1


ALTERED: dict[str, dict[str, Any]] = {
    "path": {"path": "/nodes/pve2/qemu/134/status/stop"},
    "method": {"path": "/nodes/pve1/qemu/133/config", "method": "PUT", "data": {"delete": "scsi0"}},
    "data": {"path": "/nodes/pve1/qemu/133/status/reset", "data": {"skiplock": 1}},
}


@pytest.mark.parametrize("what", ALTERED)
async def test_a_token_does_not_confirm_another_call(
    what: str, server: Served, upstream: Upstream, resets: Callable[[], int]
) -> None:
    stops = upstream.tasks("qmstop", 134)
    async with connect(server) as session:
        stated = await session.make("POST", RESET)
        call = {"method": "POST", **ALTERED[what]}
        altered = await session.call("proxmox_api_call", **call, confirm=stated.token)
        assert altered.is_error
        assert "given for another call" in altered.text
        spent = await session.make("POST", RESET, confirm=stated.token)
        assert spent.is_error
    assert resets() == 0
    assert upstream.tasks("qmstop", 134) == stops


async def test_a_token_that_somebody_made_up_confirms_nothing(server: Served, resets: Callable[[], int]) -> None:
    async with connect(server) as session:
        for token in ("yes", "1", "confirm", "AAAAAAAAAAAAAAAAAAAAAA", "٣", "0"):
            answer = await session.make("POST", RESET, confirm=token)
            assert answer.is_error
    assert resets() == 0


async def test_a_token_does_not_confirm_for_another_caller(
    several: Served, tokens: dict[str, str], resets: Callable[[], int]
) -> None:
    async with connect(several, token=tokens["ops"]) as ops, connect(several, "http", token=tokens["dev"]) as dev:
        stated = await ops.make("POST", RESET)
        stolen = await dev.make("POST", RESET, confirm=stated.token)
        late = await ops.make("POST", RESET, confirm=stated.token)
    assert stolen.is_error
    assert "given for another call" in stolen.text
    assert late.is_error
    assert resets() == 0


async def test_a_guest_that_changed_since_the_statement_is_not_touched(
    server: Served, upstream: Upstream, resets: Callable[[], int]
) -> None:
    async with connect(server) as session:
        stated = await session.make("POST", RESET)
        upstream.config("/nodes/pve1/qemu/133", name="somebody-else")
        try:
            answer = await session.make("POST", RESET, confirm=stated.token)
        finally:
            upstream.config("/nodes/pve1/qemu/133", name="k8s-01")
    assert answer.is_error
    assert "has changed since" in answer.text
    assert "somebody-else" in answer.text
    assert resets() == 0


async def test_a_token_expires_after_ten_minutes(
    on_demo: dict[str, str], tmp_path: Path, resets: Callable[[], int]
) -> None:
    now = [0.0]
    async with serving_here(tmp_path, **on_demo) as here:
        store = MemoryStore(clock=lambda: now[0])
        here.gateway.pipeline.guard = replace(here.gateway.guard, confirmations=Confirmations(store))
        async with connect(here) as session:
            late = await session.make("POST", RESET)
            now[0] += 601
            expired = await session.make("POST", RESET, confirm=late.token)
            timely = await session.make("POST", RESET)
            now[0] += 599
            done = await session.make("POST", RESET, confirm=timely.token)
    assert "older than 10 minutes" in expired.text
    assert not done.is_error
    assert resets() == 1


async def test_a_reading_call_that_looks_into_a_guest_is_not_for_the_read_tool(server: Served, golden: Golden) -> None:
    path, data = "/nodes/pve1/qemu/110/agent/file-read", {"file": "/etc/hostname"}
    async with connect(server) as session:
        refused = await session.get(path, data=data)
        asked = await session.make("GET", path, data)
    assert refused.is_error
    golden("confirmation/read-inside", refused.text)
    assert asked.is_error
    assert "- inside: the content" in asked.text
    assert asked.token
