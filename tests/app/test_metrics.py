from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest
from prometheus_client.parser import text_string_to_metric_families

from proxmox import raw_server
from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.apidoc.reviews import Effect
from proxmox_mcp.app.metrics import FAMILIES, Metrics, describe
from proxmox_mcp.assembly import gateway_of
from proxmox_mcp.policy.call import Call
from proxmox_mcp.policy.caller import Caller
from proxmox_mcp.policy.effects import Cause, Judgement
from proxmox_mcp.policy.policy import Decision
from proxmox_mcp.policy.rules import Verdict
from proxmox_mcp.proxmox.client import Exchange
from proxmox_mcp.proxmox.tasks import TaskOutcome
from proxmox_mcp.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

UPID = "UPID:pve1:0000A1B2:0012C3D4:6741E2F0:qmstart:102:mcp@pve!mcp:"


@pytest.fixture(scope="module")
def second_host(certificate: tuple[Path, Path]) -> Iterator[str]:
    """The second host of the cluster, which answers; nothing listens at the first."""
    with raw_server.serving(raw_server.reply({"version": "9.1.9"}), certificate, host="127.0.0.2") as node:
        yield f"127.0.0.2:{node.port}"


@pytest.fixture
def metrics(tmp_path: Path, second_host: str) -> Metrics:
    """After one of everything."""
    made = Metrics()
    environment = {
        "PROXMOX_HOST": f"127.0.0.1:1,{second_host}",
        "PROXMOX_USER": "mcp@pve",
        "PROXMOX_TOKEN_ID": "mcp",
        "PROXMOX_PASSWORD": "11111111-2222-3333-4444-555555555555",
        "PROXMOX_APIDOC": "bundled",
        "MCP_CACHE_DIR": str(tmp_path),
    }
    made.gateway = gateway_of(load_settings(environment), made)
    made.sessions = lambda: {"sse": 2, "http": 1}
    made.called("list_nodes", "ok")
    made.called("proxmox_api_call", "guard.denied")
    judged = Judgement((Cause(Effect.DESTROY, "it deletes"),))
    decision = Decision(verdict=Verdict.CONFIRM, judgement=judged, reason="mode guarded")
    path = ApiPath.parse("/nodes/pve1/qemu/100")
    made.decided(Call(method="DELETE", path=path, cluster="default", judgement=judged, decision=decision))
    made.followed("default", TaskOutcome(upid=UPID, state="ok", exit_status="OK", seconds=3.0))
    made.followed("default", TaskOutcome(upid=UPID, state="running"))
    anyio.run(made.gateway.clusters["default"].pve.get, "/version")
    return made


def read(metrics: Metrics) -> dict[str, float]:
    """Every sample as it is read, ``name{label="value"}``."""
    samples = {}
    for family in text_string_to_metric_families(metrics.text().decode()):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            samples[f"{sample.name}{{{labels}}}"] = sample.value
    return samples


def test_what_is_described_is_what_is_exposed(metrics: Metrics) -> None:
    exposed = {}
    for family in text_string_to_metric_families(metrics.text().decode()):
        if family.name.endswith("_created"):
            continue
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        exposed[name] = (family.type, labels, family.documentation)
    described = {name: (kind, set(labels), text) for name, kind, labels, text in describe()}
    assert described == exposed
    assert len(described) == len(FAMILIES)


def test_calls_decisions_and_tasks_are_counted_by_what_became_of_them(metrics: Metrics) -> None:
    samples = read(metrics)
    assert samples['proxmox_mcp_tool_calls_total{result="ok",tool="list_nodes"}'] == 1
    assert samples['proxmox_mcp_tool_calls_total{result="guard.denied",tool="proxmox_api_call"}'] == 1
    assert samples['proxmox_mcp_decisions_total{cluster="default",effects="destroy",verdict="confirm"}'] == 1
    assert samples['proxmox_mcp_tasks_total{cluster="default",end="ok",type="qmstart"}'] == 1
    assert samples['proxmox_mcp_tasks_total{cluster="default",end="running",type="qmstart"}'] == 1


def test_only_a_task_that_was_seen_to_end_adds_to_the_times(metrics: Metrics) -> None:
    samples = read(metrics)
    assert samples['proxmox_mcp_task_seconds_count{cluster="default",type="qmstart"}'] == 1
    assert samples['proxmox_mcp_task_seconds_sum{cluster="default",type="qmstart"}'] == 3


def test_every_host_that_a_call_went_to_is_counted(metrics: Metrics, second_host: str) -> None:
    samples = read(metrics)
    wanted = 'proxmox_mcp_proxmox_requests_total{{cluster="default",host="{}",method="GET",status="{}"}}'
    assert samples[wanted.format("127.0.0.1:1", 0)] == 1
    assert samples[wanted.format(second_host, 200)] == 1


def test_exchanges_are_counted_by_host_and_status_and_timed() -> None:
    metrics = Metrics()
    told = metrics.exchanges("default")
    told(Exchange("127.0.0.1:1", "GET", "/nodes", 200, 0.03))
    told(Exchange("127.0.0.1:1", "POST", "/nodes/pve1/qemu", None, 5.0))
    samples = read(metrics)
    wanted = 'cluster="default",host="127.0.0.1:1",method="{}",status="{}"'
    for method, status in (("GET", "200"), ("POST", "0")):
        assert samples[f"proxmox_mcp_proxmox_requests_total{{{wanted.format(method, status)}}}"] == 1
    assert samples['proxmox_mcp_proxmox_seconds_bucket{cluster="default",le="0.05",method="GET"}'] == 1


def test_the_host_in_use_is_named_and_why(metrics: Metrics, second_host: str) -> None:
    samples = read(metrics)
    assert samples['proxmox_mcp_host_up{cluster="default",host="127.0.0.1:1"}'] == 0
    assert samples[f'proxmox_mcp_host_up{{cluster="default",host="{second_host}"}}'] == 1
    assert samples[f'proxmox_mcp_host_in_use{{cluster="default",host="{second_host}"}}'] == 1
    why = next(name for name in samples if name.startswith("proxmox_mcp_host_in_use_info"))
    assert "127.0.0.1:1 failed: 127.0.0.1:1 refuses the connection." in why


def test_refused_credentials_and_correct_settings_are_reported(metrics: Metrics) -> None:
    accepted = 'proxmox_mcp_credentials_accepted{cluster="default"}'
    assert read(metrics)[accepted] == 1
    assert metrics.gateway is not None
    metrics.gateway.clusters["default"].pve.credentials.refused("127.0.0.2:1: authentication failure")
    assert read(metrics)[accepted] == 0
    assert read(metrics)["proxmox_mcp_configured{}"] == 1
    assert read(Metrics())["proxmox_mcp_configured{}"] == 0


def test_sessions_and_the_schema_are_read_at_the_moment_of_asking(metrics: Metrics) -> None:
    metrics.sessions = lambda: {"sse": 5, "http": 0}
    samples = read(metrics)
    assert samples['proxmox_mcp_sessions{transport="sse"}'] == 5
    assert samples['proxmox_mcp_sessions{transport="http"}'] == 0
    assert any(name.startswith("proxmox_mcp_schema_info{") and 'source="bundled"' in name for name in samples)


def test_a_caller_of_some_clusters_sees_nothing_of_the_others(metrics: Metrics) -> None:
    judged = Judgement((Cause(Effect.READ, "it reads"),))
    for cluster in ("default", "other"):
        decision = Decision(verdict=Verdict.ALLOW, judgement=judged, reason="mode guarded")
        path = ApiPath.parse("/nodes")
        metrics.decided(Call(method="GET", path=path, cluster=cluster, judgement=judged, decision=decision))
        metrics.exchanges(cluster)(Exchange("10.0.0.1:8006", "GET", "/nodes", 200, 0.03))
        metrics.followed(cluster, TaskOutcome(upid=UPID, state="ok", exit_status="OK", seconds=3.0))
    whole = metrics.text().decode()
    limited = metrics.text(Caller(name="dev", clusters=frozenset({"other"}))).decode()
    families = {family.name: family for family in text_string_to_metric_families(limited)}
    assert {sample.labels.get("cluster", "other") for family in families.values() for sample in family.samples} == {
        "other"
    }
    assert {"proxmox_mcp_decisions", "proxmox_mcp_tasks", "proxmox_mcp_proxmox_requests"} <= families.keys()
    assert "127.0.0.1:1" in whole
    for of_all in ("127.0.0.1:1", "proxmox_mcp_tool_calls", "proxmox_mcp_sessions", "schema_info", "shared_state"):
        assert of_all not in limited
    assert set(limited.splitlines()) <= set(whole.splitlines())


def test_a_caller_of_all_clusters_sees_everything(metrics: Metrics) -> None:
    assert metrics.text(Caller(name="ops")) == metrics.text()


def test_before_there_is_a_gateway_the_rest_can_be_read() -> None:
    assert "proxmox_mcp_build_info" in Metrics().text().decode()
