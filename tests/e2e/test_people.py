"""Where only people confirm: the operator on the server, whoever a rule names, the person at the client."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from clients import Person, connect
from serving import Served, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from upstream import Upstream

    Golden = Callable[[str, str], None]

pytestmark = pytest.mark.anyio

RESET = "/nodes/pve1/qemu/133/status/reset"
RESERVED = "/nodes/pve2/qemu/134/status/reset"
TRANSPORTS = ["sse", "http"]


# A person on the server: MCP_CONFIRM=operator.


@pytest.fixture(scope="module")
def operated(on_demo: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    directory = tmp_path_factory.mktemp("operated")
    settings = {
        "MCP_CONFIRM": "operator",
        "MCP_APPROVAL_WAIT": "0",
        "MCP_AUDIT_FILE": str(directory / "audit.jsonl"),
    }
    with serving(directory, **on_demo, **settings) as served:
        served.wait_for("the node runs 9.1.9")
        yield served


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_an_operator_approves_on_the_server_and_the_call_is_made_once(
    transport: str, operated: Served, resets: Callable[[], int], golden: Golden
) -> None:
    person = Person("accept")
    async with connect(operated, transport, person=person) as session:
        asked = await session.make("POST", RESET)
        assert asked.is_error
        number = asked.text.rpartition("confirm: ")[2]
        waiting = await session.make("POST", RESET, confirm=number)
        assert f"request {number} waits for a person" in waiting.text
        listed = operated.run("approvals")
        assert f"#{number} pending" in listed.stdout
        assert "VM 133 k8s-01" in listed.stdout
        approved = operated.run("approve", number, "--yes")
        assert approved.stdout.endswith("Approved.\n")
        assert resets() == 0
        done = await session.make("POST", RESET, confirm=number)
        again = await session.make("POST", RESET, confirm=number)
    assert "ended: OK" in done.text
    assert again.is_error
    assert resets() == 1
    assert person.questions == []
    golden("confirmation/operator", re.sub(rf"(approve|confirm:) {number}\b", r"\1 <number>", asked.text))


async def test_what_an_operator_denies_is_not_done(operated: Served, resets: Callable[[], int]) -> None:
    async with connect(operated) as session:
        asked = await session.make("POST", RESET, {"skiplock": 0})
        number = asked.text.rpartition("confirm: ")[2]
        assert operated.run("deny", number).returncode == 0
        answer = await session.make("POST", RESET, {"skiplock": 0}, confirm=number)
    assert answer.is_error
    assert f"request {number} is denied" in answer.text
    assert resets() == 0


async def test_an_approval_is_for_the_call_that_was_shown(operated: Served, upstream: Upstream) -> None:
    stops = upstream.tasks("qmstop", 133)
    async with connect(operated) as session:
        asked = await session.make("POST", RESET, {"skiplock": 1})
        number = asked.text.rpartition("confirm: ")[2]
        operated.run("approve", number, "--yes")
        answer = await session.make("POST", "/nodes/pve1/qemu/133/status/stop", confirm=number)
    assert f"there is no approval {number} for this call" in answer.text
    assert upstream.tasks("qmstop", 133) == stops


async def test_what_a_rule_reserves_for_people_no_token_confirms(server: Served, upstream: Upstream) -> None:
    before = upstream.tasks("qmreset", 134)
    async with connect(server) as session:
        asked = await session.make("POST", RESERVED)
        stated = await session.make("POST", RESET)
        refused = await session.make("POST", RESERVED, confirm=stated.token)
    assert "A person must approve this (rule 1 (policy.toml, line 2): ask Lena)." in asked.text
    assert "a token does not count" in refused.text
    assert upstream.tasks("qmreset", 134) == before
    async with connect(server, person=Person("accept")) as session:
        assert not (await session.make("POST", RESERVED)).is_error
    assert upstream.tasks("qmreset", 134) == before + 1


async def test_while_writes_are_frozen_reads_go_on_and_what_was_approved_is_refused(
    operated: Served, resets: Callable[[], int], upstream: Upstream, golden: Golden
) -> None:
    before = resets()
    async with connect(operated) as session:
        asked = await session.make("POST", RESET, {"skiplock": 0})
        number = asked.text.rpartition("confirm: ")[2]
        operated.run("approve", number, "--yes")
        frozen = operated.run("freeze", "--for", "1h", "--reason", "moving the rack")
        assert frozen.stdout.startswith("All writes are refused.")
        refused = await session.make("POST", RESET, {"skiplock": 0}, confirm=number)
        allowed = await session.make("PUT", "/nodes/pve1/qemu/133/config", {"description": "frozen"})
        assert not (await session.get("/nodes/pve1/qemu/133/config")).is_error
        assert resets() == before
        assert operated.run("unfreeze").stdout.startswith("Writes are allowed again.")
        done = await session.make("POST", RESET, {"skiplock": 0}, confirm=number)
    assert not done.is_error
    assert resets() == before + 1
    assert refused.is_error
    assert refused.text == allowed.text
    golden(
        "confirmation/frozen",
        re.sub(r"by \S+, since [\d :-]+ UTC until [\d :-]+ UTC", "by <person>, <times>", refused.text),
    )
    lines = [json.loads(line) for line in (operated.directory / "audit.jsonl").read_text().splitlines()]
    events = [line["event"] for line in lines if line["event"] in ("freeze", "unfreeze")]
    assert events == ["freeze", "unfreeze"]
    assert [line["result"] for line in lines if line.get("result") == "guard.frozen"] == ["guard.frozen"] * 2


# Only the first: MCP_CONFIRM=elicit.


@pytest.fixture(scope="module")
def asking(on_demo: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that takes nobody's word but that of the person at the client, and keeps no sessions over HTTP."""
    settings = {"MCP_CONFIRM": "elicit", "MCP_STATELESS": "true"}
    with serving(tmp_path_factory.mktemp("asking"), **on_demo, **settings) as served:
        served.wait_for("the node runs 9.1.9")
        yield served


async def test_a_client_that_cannot_ask_is_told_why_not(
    asking: Served, resets: Callable[[], int], golden: Golden
) -> None:
    async with connect(asking) as session:
        answer = await session.make("POST", RESET)
    assert answer.is_error
    assert resets() == 0
    golden("confirmation/cannot-ask", answer.text)


async def test_an_older_client_cannot_be_asked_without_a_session_and_a_newer_one_can(
    asking: Served, resets: Callable[[], int]
) -> None:
    older, newer, over_sse = Person(), Person(), Person()
    async with connect(asking, "http", "legacy", person=older) as session:
        refused = await session.make("POST", RESET)
    assert "this client can't ask" in refused.text
    assert older.questions == []
    async with connect(asking, "http", "auto", person=newer) as session:
        assert not (await session.make("POST", RESET)).is_error
    async with connect(asking, "sse", "legacy", person=over_sse) as session:
        assert not (await session.make("POST", RESET)).is_error
    assert len(newer.questions) == len(over_sse.questions) == 1
    assert resets() == 2
