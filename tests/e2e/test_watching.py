"""What an operator watches: metrics, readiness with its reasons, logs, and one request's way through all of them."""

from __future__ import annotations

import itertools
import json
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from prometheus_client.parser import text_string_to_metric_families

from clients import Session, connect
from serving import TOKEN, free_port, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from serving import Served

pytestmark = pytest.mark.anyio
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def watched(on_demo: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with JSON logs, an audit file and everything allowed."""
    directory = tmp_path_factory.mktemp("watched")
    settings = {"MCP_LOG_FORMAT": "json", "MCP_MODE": "full", "MCP_AUDIT_FILE": str(directory / "audit.jsonl")}
    with serving(directory, **on_demo, **settings) as served:
        served.wait_for_the_schema()
        yield served


def samples(text: str) -> dict[str, float]:
    """Every sample as it is read, ``name{label="value"}``."""
    read = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            read[f"{sample.name}{{{labels}}}"] = sample.value
    return read


def metrics(served: Served) -> dict[str, float]:
    reply = served.ask("GET", "/metrics", BEARER)
    assert reply.status == 200
    return samples(reply.text)


def audit(served: Served) -> list[dict[str, Any]]:
    lines = (served.directory / "audit.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


async def test_what_calls_did_is_in_the_metrics(watched: Served) -> None:
    before = metrics(watched)
    async with connect(watched, "sse") as session:
        assert not (await session.call("list_nodes")).is_error
        assert not (await session.make("POST", "/nodes/*/qemu/134/snapshot", {"snapname": "watched"})).is_error
        assert (await session.make("DELETE", "/nodes/*/qemu/134/snapshot/no-such-one")).is_error
        assert not (await session.make("DELETE", "/nodes/*/qemu/134/snapshot/watched")).is_error
        assert (await session.get("/nodes/pve1/qemu/100/confg")).is_error
        during = metrics(watched)
        async with connect(watched, "http") as other:
            await other.call("list_nodes")
            both = metrics(watched)

    def more(name: str, later: dict[str, float] = during) -> float:
        return later[name] - before.get(name, 0.0)

    assert more('proxmox_mcp_tool_calls_total{result="ok",tool="list_nodes"}') == 1
    assert more('proxmox_mcp_tool_calls_total{result="call.invalid",tool="proxmox_api_get"}') == 1
    assert more('proxmox_mcp_tasks_total{cluster="default",end="ok",type="qmsnapshot"}') == 1
    assert more('proxmox_mcp_decisions_total{cluster="default",effects="read",verdict="allow"}') == 1
    assert more('proxmox_mcp_sessions{transport="sse"}') == 1
    assert more('proxmox_mcp_sessions{transport="http"}', both) == 1
    host = f'cluster="default",host="127.0.0.1:{watched.settings["PROXMOX_PORT"]}"'
    assert during[f"proxmox_mcp_host_up{{{host}}}"] == 1
    assert during[f"proxmox_mcp_host_in_use{{{host}}}"] == 1
    assert more(f'proxmox_mcp_proxmox_requests_total{{{host},method="POST",status="200"}}') >= 1
    assert more('proxmox_mcp_proxmox_seconds_count{cluster="default",method="GET"}') >= 1
    (schema,) = (name for name in during if name.startswith("proxmox_mcp_schema_info"))
    # From the cache where an earlier server of the tests has kept it.
    assert re.search(r'node_version="([^"]+)",source="(node|cache)",version="\1"', schema)


async def test_metrics_on_a_port_of_their_own_need_no_token_and_are_nowhere_else(
    on_demo: dict[str, str], tmp_path: Path
) -> None:
    port = free_port()
    with serving(tmp_path, **on_demo, MCP_METRICS_PORT=str(port)) as served:
        assert served.ask("GET", "/metrics", BEARER).status == 404
        async with connect(served, "sse") as session, httpx2.AsyncClient() as http:
            await session.call("list_nodes")
            read = samples((await http.get(f"http://127.0.0.1:{port}/metrics")).text)
    assert read['proxmox_mcp_tool_calls_total{result="ok",tool="list_nodes"}'] == 1
    assert read['proxmox_mcp_sessions{transport="sse"}'] == 1


async def test_readiness_gives_its_reasons_and_a_cluster_that_is_away_does_not_make_unready(
    on_demo: dict[str, str], tmp_path: Path
) -> None:
    away = {**on_demo, "PROXMOX_HOST": f"127.0.0.1:{free_port()}", "MCP_CACHE_DIR": str(tmp_path / "nothing yet")}
    with serving(tmp_path, **away) as served:
        async with connect(served, "http") as session:
            assert (await session.call("list_nodes")).is_error
        reply = served.ask("GET", "/readyz?verbose", BEARER)
        assert served.ask("GET", "/readyz").text == "ready"
    told = json.loads(reply.text)
    assert reply.status == 200
    assert told["ready"] is True
    cluster = told["clusters"]["default"]
    assert cluster["host_in_use"] == ""
    assert cluster["why"] == "no host answers"
    assert "refuses the connection" in next(iter(cluster["hosts"].values()))["reason"]
    assert "bundled" in cluster["schema"]


class Numbered:
    """Gives every request of an HTTP client an id of its own, as a proxy would, and keeps what was answered."""

    def __init__(self, prefix: str) -> None:
        self._ids = (f"{prefix}-{number}" for number in itertools.count())
        self.calls: list[str] = []
        self.answered: list[str] = []

    async def sending(self, request: httpx2.Request) -> None:
        chosen = next(self._ids)
        request.headers["X-Request-Id"] = chosen
        if request.method == "POST" and b'"tools/call"' in request.content:
            self.calls.append(chosen)

    async def answering(self, response: httpx2.Response) -> None:
        if response.request.headers["X-Request-Id"] in self.calls:
            self.answered.append(response.headers["X-Request-Id"])

    def client(
        self,
        headers: dict[str, str] | None = None,
        timeout: httpx2.Timeout | None = None,
        auth: httpx2.Auth | None = None,
    ) -> httpx2.AsyncClient:
        hooks: Any = {"request": [self.sending], "response": [self.answering]}
        return httpx2.AsyncClient(headers={**BEARER, **(headers or {})}, timeout=timeout or 20, event_hooks=hooks)


@asynccontextmanager
async def numbered(served: Served, transport: str, era: str, ids: Numbered) -> AsyncIterator[Session]:
    async with ids.client() as http:
        way: Any = streamable_http_client(f"{served.url}/mcp", http_client=http)
        if transport == "sse":
            way = sse_client(f"{served.url}/sse", httpx_client_factory=ids.client)
        async with Client(way, mode=era) as client:
            yield Session(client)


@pytest.mark.parametrize(("transport", "era"), [("sse", "legacy"), ("http", "legacy"), ("http", "auto")])
async def test_the_id_that_a_proxy_gave_a_request_is_in_the_answer_and_in_the_audit(
    transport: str, era: str, watched: Served
) -> None:
    ids = Numbered(f"{transport}-{era}")
    async with numbered(watched, transport, era, ids) as session:
        await session.get("/version")
        await session.make("POST", "/nodes/*/qemu/134/config", {"delete": "description"})
    assert len(ids.calls) == 2
    assert ids.answered == ids.calls
    lines = [line for line in audit(watched) if line["id"].startswith(f"{transport}-{era}-")]
    read, *written = lines
    assert (read["id"], read["path"]) == (ids.calls[0], "/version")
    assert {line["event"] for line in written} == {"intent", "outcome"}
    assert {line["id"] for line in written} == {ids.calls[1]}


async def test_a_request_without_an_id_or_with_one_that_is_none_gets_one(watched: Served) -> None:
    made = [
        watched.ask("GET", "/livez", headers).headers["x-request-id"] for headers in ({}, {}, {"X-Request-Id": '"\t'})
    ]
    assert len(set(made)) == 3
    assert all(len(each) == 16 for each in made)


async def test_log_lines_are_json_and_carry_the_id_of_their_request(watched: Served) -> None:
    watched.ask("GET", "/mcp", {"Host": "elsewhere.example.org", "X-Request-Id": "from-the-proxy-1"})
    watched.wait_for("elsewhere.example.org")
    lines = [json.loads(line) for line in watched.log.splitlines()]
    assert all({"time", "level", "logger", "message"} <= set(line) for line in lines)
    (refused,) = (line for line in lines if "elsewhere.example.org" in line["message"])
    assert refused["request_id"] == "from-the-proxy-1"
    assert refused["level"] == "WARNING"


async def test_without_an_audit_file_the_audit_is_in_the_log_under_the_same_id(
    on_demo: dict[str, str], tmp_path: Path
) -> None:
    ids = Numbered("logged")
    with serving(tmp_path, **on_demo, MCP_LOG_FORMAT="json") as served:
        async with numbered(served, "sse", "legacy", ids) as session:
            await session.get("/version")
        lines = [json.loads(line) for line in served.log.splitlines()]
    (audited,) = (line for line in lines if line["logger"] == "proxmox_mcp.audit")
    assert audited["request_id"] == ids.calls[0]
    assert json.loads(audited["message"])["id"] == ids.calls[0]
