"""Several clusters behind one server, one of which takes every request and never answers it."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from clients import Answer, connect
from patience import PATIENCE, Watch, eventually
from proxmox.raw_server import serving as answering
from proxmox_mcp.demo import DemoCluster, start_demo_cluster
from proxmox_mcp.policy.callers import token_sha256
from serving import TOKEN, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from proxmox.raw_server import RawServer, Request
    from serving import Served

pytestmark = pytest.mark.anyio

HOME = "the-token-of-one-who-may-use-home-only"
CALLERS = f"""
[[caller]]
name = "ops"
token_sha256 = "{token_sha256(TOKEN)}"

[[caller]]
name = "homely"
token_sha256 = "{token_sha256(HOME)}"
clusters = ["home"]
"""
POLICY = """
[[rule]]
verdict = "deny"
cluster = "lab"
path = "/nodes/{node}/qemu/{vmid}/snapshot"
method = "POST"
"""
HANGING = 8


@pytest.fixture(scope="module")
def other() -> Iterator[DemoCluster]:
    with start_demo_cluster(task_seconds=0.2) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def mute(certificate: tuple[Path, Path]) -> Iterator[RawServer]:
    """A node that takes every request and answers none."""
    ended = threading.Event()

    def silent(_: Request, __: Any) -> None:
        ended.wait(2 * PATIENCE)

    with answering(silent, certificate) as node:
        yield node
        ended.set()


@pytest.fixture(scope="module")
def several(
    demo: DemoCluster, other: DemoCluster, mute: RawServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """``lab`` and ``home`` live; ``mute`` is given ``PATIENCE`` to answer."""
    directory = tmp_path_factory.mktemp("clusters")
    silent = {"PROXMOX_HOST": f"127.0.0.1:{mute.port}", "PROXMOX_FINGERPRINT": "", "PROXMOX_TIMEOUT": f"{PATIENCE:g}"}
    hosts = {"lab": demo.environment, "home": other.environment, "mute": {**demo.environment, **silent}}
    files = {
        "clusters.toml": "\n".join(
            line
            for name, values in hosts.items()
            for line in (f"[{name}]", *(f'{k} = "{v}"' for k, v in values.items()))
        ),
        "callers.toml": CALLERS,
        "policy.toml": POLICY,
    }
    for name, text in files.items():
        (directory / name).write_text(text)
    settings = {
        "MCP_CLUSTERS_FILE": str(directory / "clusters.toml"),
        "MCP_CALLERS_FILE": str(directory / "callers.toml"),
        "MCP_POLICY_FILE": str(directory / "policy.toml"),
        "MCP_AUDIT_FILE": str(directory / "audit.jsonl"),
    }
    with serving(directory, **settings) as served:
        served.wait_for_the_schema()
        yield served


async def test_every_tool_takes_the_cluster_from_a_list_of_those_that_the_caller_may_use(several: Served) -> None:
    async with connect(several) as session, connect(several, token=HOME) as homely:
        tools = {tool.name: tool.input_schema["properties"] for tool in (await session.client.list_tools()).tools}
        narrow = (await homely.client.list_tools()).tools
    assert len(tools) == 6
    for properties in tools.values():
        assert properties["cluster"]["enum"] == ["lab", "home", "mute"]
    assert all("cluster" not in tool.input_schema["properties"] for tool in narrow)


async def test_a_dead_cluster_slows_no_other(several: Served, mute: RawServer) -> None:
    async with connect(several) as session, connect(several) as busy:
        ended: list[Answer] = []

        async def hang() -> None:
            ended.append(await busy.get("/cluster/status", cluster="mute"))

        async with anyio.create_task_group() as group:
            for _ in range(HANGING):
                group.start_soon(hang)
            await eventually(lambda: mute.connections >= HANGING)
            for _ in range(15):
                assert not (await session.call("list_nodes", cluster="lab")).is_error
            assert ended == [], "a call waited until one to the dead cluster was given up"
            group.cancel_scope.cancel()


async def test_a_search_does_not_wait_for_a_dead_cluster(several: Served) -> None:
    async with connect(several) as session:
        for query in ("start a vm", "stop a vm"):
            watch = Watch()
            assert not (await session.call("search_api", query=query, cluster="mute")).is_error
            assert watch.soon


@pytest.mark.slow
async def test_lists_show_all_clusters_and_say_soon_of_the_dead_one_that_it_is_not_to_be_had(several: Served) -> None:
    async with connect(several) as session:
        for cluster in ("lab", "home"):
            assert not (await session.call("list_nodes", cluster=cluster)).is_error
        for tool in ("get_cluster_resources", "list_nodes"):
            watch = Watch()
            text = (await session.call(tool)).text
            assert watch.soon
            lab, home, mute = (text.index(f"cluster {name}\n") for name in ("lab", "home", "mute"))
            assert "pve1" in text[lab:home]
            assert "pve1" in text[home:mute]
            assert "unavailable" in text[mute:]


async def test_a_caller_of_one_cluster_reaches_and_sees_no_other(several: Served) -> None:
    async with connect(several, token=HOME) as session:
        text = (await session.call("get_cluster_resources")).text
        assert "lab" not in text.splitlines()[0]
        assert "mute" not in text
        assert not (await session.get("/version")).is_error
        other = await session.get("/version", cluster="lab")
    assert other.is_error
    assert "home" in other.text or "unknown argument" in other.text


async def test_a_rule_for_one_cluster_leaves_the_others_alone(several: Served) -> None:
    call = ("POST", "/nodes/pve3/qemu/135/snapshot", {"snapname": "here"})
    async with connect(several) as session:
        denied = await session.make(*call, cluster="lab")
        done = await session.make(*call, cluster="home")
    assert "Not allowed" in denied.text
    assert not done.is_error, done


async def test_a_token_for_one_cluster_confirms_nothing_at_another(several: Served) -> None:
    path = "/nodes/pve3/qemu/135"
    async with connect(several) as session:
        token = (await session.make("DELETE", path, cluster="home")).token
        crossed = await session.make("DELETE", path, cluster="lab", confirm=token)
        assert (await session.get(f"{path}/config", cluster="lab")).text
    assert "for another call" in crossed.text


async def test_a_call_that_names_no_cluster_is_told_which_there_are(several: Served) -> None:
    async with connect(several) as session:
        answer = await session.get("/version")
    assert answer.is_error
    assert "lab, home, mute" in answer.text


async def test_the_audit_and_the_metrics_name_the_cluster(several: Served) -> None:
    async with connect(several) as session:
        for cluster in ("lab", "home"):
            await session.get("/version", cluster=cluster)
    lines = [json.loads(line) for line in (several.directory / "audit.jsonl").read_text().splitlines()]
    assert {line.get("cluster") for line in lines if line["path"] == "/version"} >= {"lab", "home"}
    metrics = several.ask("GET", "/metrics", {"Authorization": f"Bearer {TOKEN}"}).text
    for cluster in ("lab", "home", "mute"):
        assert f'proxmox_mcp_host_in_use{{cluster="{cluster}",' in metrics
        assert f'proxmox_mcp_schema_info{{cluster="{cluster}",' in metrics
    assert 'proxmox_mcp_decisions_total{cluster="home",' in metrics
    limited = several.ask("GET", "/metrics", {"Authorization": f"Bearer {HOME}"}).text
    assert 'cluster="home"' in limited
    assert "lab" not in limited
    assert "mute" not in limited
