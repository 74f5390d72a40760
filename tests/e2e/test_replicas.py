"""Two stateless replicas behind a real nginx, sharing what must be shared in a real Valkey or Redis."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from clients import Answer, Person, Session, connect, http_client
from e2e.proxied import FRAME, running
from patience import PATIENCE
from proxmox_mcp.policy.callers import token_sha256
from redis_server import RedisServer, needs_redis, redis_server
from serving import TOKEN, free_port, serving
from tools import needs, required

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    import httpx2

    from proxmox_mcp.demo import DemoCluster
    from serving import Served

pytestmark = [
    needs_redis,
    needs("nginx"),
    pytest.mark.anyio,
]

NARROW = "the-token-of-a-caller-with-few-calls"
STATE_KEY = "a-key-of-more-than-thirty-two-bytes-for-both"
GUEST = "/nodes/*/qemu/133"
CALLERS = f"""
[[caller]]
name = "ops"
token_sha256 = "{token_sha256(TOKEN)}"

[[caller]]
name = "narrow"
token_sha256 = "{token_sha256(NARROW)}"
calls_per_minute = 5
"""
BALANCER = """
    upstream replicas {{ {servers} }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://replicas;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_buffering off;
            proxy_read_timeout 1h;
            add_header X-Replica $upstream_addr always;
        }}
    }}
"""


@dataclass(frozen=True)
class Balanced:
    """Two replicas, the address that spreads requests over them in turn, and their store."""

    one: Served
    other: Served
    port: int
    store: RedisServer

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def balancer(directory: Path, *upstream: int) -> Iterator[int]:
    """nginx with one worker, which asks its upstreams in turn. Yields its port."""
    port, place = free_port(), directory / "nginx"
    place.mkdir()
    text = BALANCER.format(servers=" ".join(f"server 127.0.0.1:{each};" for each in upstream), port=port)
    configuration = place / "nginx.conf"
    configuration.write_text(FRAME.format(directory=place, server=text))
    with running([required("nginx"), "-p", str(place), "-e", str(place / "error.log"), "-c", str(configuration)], port):
        yield port


@contextmanager
def replicas(directory: Path, demo: DemoCluster, **settings: str) -> Iterator[Balanced]:
    callers = directory / "callers.toml"
    callers.write_text(CALLERS)
    directory.joinpath("store").mkdir()
    with redis_server(directory / "store") as store:
        shared = {
            **demo.environment,
            "MCP_CALLERS_FILE": str(callers),
            "MCP_STATELESS": "true",
            "MCP_STATE_URL": store.url,
            **settings,
        }
        with (
            serving(directory / "one", **shared, MCP_AUDIT_FILE=str(directory / "one.jsonl")) as one,
            serving(directory / "other", **shared, MCP_AUDIT_FILE=str(directory / "other.jsonl")) as other,
            balancer(directory, one.port, other.port) as port,
        ):
            yield Balanced(one, other, port, store)


@pytest.fixture(scope="module")
def balanced(demo: DemoCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Balanced]:
    with replicas(tmp_path_factory.mktemp("replicas"), demo, MCP_STATE_KEY=STATE_KEY) as both:
        yield both


@pytest.fixture
def keyless(demo: DemoCluster, tmp_path: Path) -> Iterator[Balanced]:
    """Replicas that each seal with a key of their own."""
    with replicas(tmp_path, demo) as both:
        yield both


class Traffic:
    """Every ``tools/call`` that a client sent, and which replica answered it."""

    def __init__(self) -> None:
        self.sent: list[httpx2.Request] = []
        self.replicas: list[str] = []

    async def answered(self, response: httpx2.Response) -> None:
        if response.request.method == "POST" and b'"tools/call"' in response.request.content:
            self.sent.append(response.request)
            self.replicas.append(response.headers["X-Replica"])


@asynccontextmanager
async def client(
    balanced: Balanced, era: str, person: Person | None = None, token: str = TOKEN
) -> AsyncIterator[tuple[Session, Traffic]]:
    """A client that knows the balancer only."""
    traffic = Traffic()
    headers = {"Authorization": f"Bearer {token}"}
    hooks: Any = {"response": [traffic.answered]}
    async with http_client(headers, event_hooks=hooks) as http:
        way = streamable_http_client(f"{balanced.url}/mcp", http_client=http)
        async with Client(way, mode=era, elicitation_callback=person) as connected:
            yield Session(connected), traffic


async def snapshot(session: Session, name: str) -> str:
    """Make a snapshot; the path whose removal has to be confirmed."""
    made = await session.make("POST", f"{GUEST}/snapshot", {"snapname": name})
    assert not made.is_error, made
    return f"{GUEST}/snapshot/{name}"


async def remove(session: Session, path: str, **arguments: Any) -> Answer:
    return await session.make("DELETE", path, **arguments)


@pytest.mark.parametrize("era", ["legacy", "auto"])
async def test_a_client_behind_the_balancer_is_served_by_both_replicas(era: str, balanced: Balanced) -> None:
    async with client(balanced, era) as (session, traffic):
        for _ in range(4):
            assert "pve1" in (await session.call("list_nodes")).text
    assert len(set(traffic.replicas)) == 2


async def test_a_token_given_by_one_replica_is_taken_by_the_other_and_then_refused_by_both(balanced: Balanced) -> None:
    async with connect(balanced.one, "http") as one, connect(balanced.other, "http") as other:
        path = await snapshot(one, "crossing")
        token = (await remove(one, path)).token
        done = await remove(other, path, confirm=token)
        assert not done.is_error, done
        for each in (one, other):
            again = await remove(each, path, confirm=token)
            assert again.is_error
            assert "unknown, was used before" in again.text


async def test_a_token_used_for_another_call_at_one_replica_is_gone_at_the_other(balanced: Balanced) -> None:
    async with connect(balanced.one, "http") as one, connect(balanced.other, "http") as other:
        path = await snapshot(one, "bound")
        token = (await remove(one, path)).token
        assert "for another call" in (await remove(other, path, data={"force": True}, confirm=token)).text
        assert "was used before" in (await remove(one, path, confirm=token)).text
        assert not (await remove(one, path, confirm=(await remove(other, path)).token)).is_error


async def test_a_persons_answer_that_comes_to_the_other_replica_counts_once(balanced: Balanced) -> None:
    person = Person()
    async with client(balanced, "auto", person) as (session, traffic):
        path = await snapshot(session, "asked")
        traffic.sent.clear()
        traffic.replicas.clear()
        done = await remove(session, path)
    assert not done.is_error, done
    assert len(person.questions) == 1
    assert "asked" in person.questions[0]
    question, answer = traffic.sent
    assert len(set(traffic.replicas)) == 2, "the answer went to the replica that asked"
    assert "requestState" not in question.content.decode()
    assert "requestState" in answer.content.decode()
    lines = [json.loads(line) for each in ("one", "other") for line in _audit(balanced, each)]
    removed = [line for line in lines if line["method"] == "DELETE" and "/snapshot/asked" in line["path"]]
    assert [line["result"] for line in removed if line["event"] == "outcome"].count("ok") == 1
    assert {line["confirmation"] for line in removed if line["event"] == "intent"} == {"person"}

    async with http_client() as http:
        for replica in (balanced.one, balanced.other):
            headers = {name: value for name, value in answer.headers.items() if name not in ("host", "content-length")}
            replayed = await http.post(f"{replica.url}/mcp", headers=headers, content=answer.content)
            assert "was used before" in replayed.text


async def test_a_person_who_declines_at_the_other_replica_has_declined(balanced: Balanced) -> None:
    async with client(balanced, "auto", Person("decline")) as (session, _):
        path = await snapshot(session, "declined")
        assert "declined" in (await remove(session, path)).text
    async with connect(balanced.one, "http") as one:
        assert not (await remove(one, path, confirm=(await remove(one, path)).token)).is_error


async def test_an_older_client_cannot_be_asked_where_there_are_no_sessions_and_gets_a_token(balanced: Balanced) -> None:
    person = Person()
    async with client(balanced, "legacy", person) as (session, traffic):
        path = await snapshot(session, "older")
        stated = await remove(session, path)
        assert stated.is_error
        assert not (await remove(session, path, confirm=stated.token)).is_error
    assert person.questions == []
    assert len(set(traffic.replicas[-2:])) == 2


async def test_without_a_common_key_an_answer_is_not_read_by_the_other_replica(keyless: Balanced) -> None:
    assert "MCP_STATE_KEY" in keyless.one.log
    async with client(keyless, "auto", Person()) as (session, _):
        path = await snapshot(session, "unsealed")
        with pytest.raises(MCPError, match="Invalid or expired requestState"):
            await remove(session, path)
    async with connect(keyless.one, "http") as one:
        assert not (await remove(one, path, confirm=(await remove(one, path)).token)).is_error


async def test_the_calls_of_one_caller_are_counted_over_both_replicas(balanced: Balanced) -> None:
    async with client(balanced, "auto", token=NARROW) as (session, traffic):
        answers = [await session.call("list_nodes") for _ in range(8)]
    assert [each.is_error for each in answers] == [False] * 5 + [True] * 3
    assert "more than 5 calls within a minute" in answers[-1].text
    assert len(set(traffic.replicas[:5])) == 2


async def test_while_the_store_is_away_nothing_is_let_through_and_all_is_well_when_it_is_back(
    balanced: Balanced,
) -> None:
    async with connect(balanced.one, "http") as one:
        path = await snapshot(one, "closed")
        token = (await remove(one, path)).token
        balanced.store.stop()
        for refused in (await remove(one, path, confirm=token), await one.call("list_nodes")):
            assert refused.is_error
            assert "the state that replicas share can't be reached" in refused.text
            assert "Nothing was sent" in refused.text
        ready = balanced.one.ask("GET", "/readyz?verbose", {"Authorization": f"Bearer {TOKEN}"})
        assert ready.status == 503
        assert "can't be reached" in json.loads(ready.text)["shared_state"]
        assert balanced.one.ask("GET", "/readyz").status == 503
        balanced.store.start()
        assert not (await one.call("list_nodes")).is_error
        assert "unknown" in (await remove(one, path, confirm=token)).text
        assert not (await remove(one, path, confirm=(await remove(one, path)).token)).is_error
    assert balanced.one.ask("GET", "/readyz").status == 200
    assert "a-password-of-the-store" not in balanced.one.log


async def test_a_replica_that_dies_takes_nobody_with_it(keyless: Balanced) -> None:
    async with client(keyless, "auto") as (session, traffic):
        path = await snapshot(session, "orphaned")
        stated = await remove(session, path)
        issuer = keyless.one if traffic.replicas[-1].endswith(str(keyless.one.port)) else keyless.other
        issuer.process.kill()
        issuer.process.wait(PATIENCE)
        done = await remove(session, path, confirm=stated.token)
        assert not done.is_error, done
        for _ in range(3):
            assert not (await session.call("list_nodes")).is_error


def _audit(balanced: Balanced, which: str) -> list[str]:
    file = getattr(balanced, which).directory.parent / f"{which}.jsonl"
    lines: list[str] = file.read_text().splitlines()
    return lines
