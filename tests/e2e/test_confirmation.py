"""The ladder of confirmations, each rung through real clients; what is not confirmed never reaches the cluster."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from clients import ERAS, Person, connect
from in_process import serving_here
from proxmox_mcp.guard.confirm import Confirmations, MemoryStore
from serving import Served, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from upstream import Upstream

    Golden = Callable[[str, str], None]

pytestmark = pytest.mark.anyio

RESET = "/nodes/pve1/qemu/133/status/reset"
RESERVED = "/nodes/pve2/qemu/134/status/reset"
TRANSPORTS = ["sse", "http"]


@pytest.fixture
def resets(upstream: Upstream) -> Callable[[], int]:
    """How often guest 133 was reset since the test began."""
    before = upstream.tasks("qmreset", 133)
    return lambda: upstream.tasks("qmreset", 133) - before


# The first rung: the person at the client.


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
    assert "`somebody-else`" in answer.text
    assert resets() == 0


async def test_a_question_holds_no_figure_that_moves(server: Served) -> None:
    person = Person("decline")
    async with connect(server, "http", "auto", person=person) as session:
        await session.make("POST", RESET)
        await session.make("POST", RESET)
    assert person.questions[0] == person.questions[1]


# The second rung: a token that goes with the statement of the effect.


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
    assert "`somebody-else`" in answer.text
    assert resets() == 0


async def test_a_token_expires_after_ten_minutes(
    on_demo: dict[str, str], seeded: Callable[[Path], Path], tmp_path: Path, resets: Callable[[], int]
) -> None:
    now = [0.0]
    async with serving_here(seeded(tmp_path), **on_demo) as here:
        store = MemoryStore(clock=lambda: now[0])
        here.gateway.guard = replace(here.gateway.guard, confirmations=Confirmations(store))
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
    assert "reads inside a guest" in asked.text
    assert asked.token


# The third: a person on the server.


@pytest.fixture(scope="module")
def operated(
    on_demo: dict[str, str], seeded: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    with serving(seeded(tmp_path_factory.mktemp("operated")), **on_demo, MCP_CONFIRM="operator") as served:
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
        assert "`k8s-01`" in listed.stdout
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


# Only the first: MCP_CONFIRM=elicit.


@pytest.fixture(scope="module")
def asking(
    on_demo: dict[str, str], seeded: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A server that takes nobody's word but that of the person at the client, and keeps no sessions over HTTP."""
    settings = {"MCP_CONFIRM": "elicit", "MCP_STATELESS": "true"}
    with serving(seeded(tmp_path_factory.mktemp("asking")), **on_demo, **settings) as served:
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


# Who may do what, and what is on record.


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
    assert (outcome["confirmation"], outcome["risk"], outcome["result"]) == ("person", "disrupt", "ok")
    assert outcome["upid"].startswith("UPID:pve1:")
    assert outcome["client"].startswith("mcp ")
    assert "hunter2" not in (several.directory / "audit.jsonl").read_text()
    assert "hunter2" not in several.log
    listed = several.run("audit", "--caller", "dev", "--result", "dry-run")
    assert listed.stdout.splitlines()[-1].endswith(f"dry-run          POST   {RESET}")
