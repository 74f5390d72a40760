"""Metrics for Prometheus, in a registry of their own (the default one holds process metrics of the library).

``FAMILIES`` lists every family; collectors and ``docs/metrics.md`` are made from it.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from proxmox_mcp import __version__
from proxmox_mcp.errors import ApidocError
from proxmox_mcp.policy.caller import LOCAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from prometheus_client.core import Metric

    from proxmox_mcp.gateway import Gateway
    from proxmox_mcp.policy.call import Call
    from proxmox_mcp.policy.caller import Caller
    from proxmox_mcp.proxmox.client import Exchange
    from proxmox_mcp.proxmox.tasks import TaskOutcome

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Family(Struct, frozen=True):
    """One family of metrics: ``name`` without the suffix that Prometheus' format adds to counters."""

    name: str
    kind: Literal["counter", "histogram", "gauge"]
    labels: tuple[str, ...]
    help: str

    @property
    def exposed(self) -> str:
        """The name as Prometheus reads it: a counter ends with ``_total``."""
        return f"{self.name}_total" if self.kind == "counter" else self.name


CALLS = Family(
    "proxmox_mcp_tool_calls",
    "counter",
    ("tool", "result"),
    "Calls of tools by result: ok, asked (a question went to the person), or the code of an error",
)
DECISIONS = Family(
    "proxmox_mcp_decisions",
    "counter",
    ("cluster", "effects", "verdict"),
    "Decisions of the policy on resolved calls: allow, deny or confirm",
)
TASKS = Family(
    "proxmox_mcp_tasks",
    "counter",
    ("cluster", "type", "end"),
    "Tasks that calls started, by Proxmox type and end: ok, warnings, failed, or running if the wait ended first",
)
TASK_SECONDS = Family(
    "proxmox_mcp_task_seconds", "histogram", ("cluster", "type"), "Duration of tasks that were followed to the end"
)
REQUESTS = Family(
    "proxmox_mcp_proxmox_requests",
    "counter",
    ("cluster", "host", "method", "status"),
    "Requests to Proxmox by HTTP status (0: no answer)",
)
SECONDS = Family(
    "proxmox_mcp_proxmox_seconds", "histogram", ("cluster", "method"), "Response time of Proxmox, in seconds"
)
SESSIONS = Family(
    "proxmox_mcp_sessions", "gauge", ("transport",), "Open sessions: sse, or http (0 if MCP_STATELESS is set)"
)
HOST_UP = Family("proxmox_mcp_host_up", "gauge", ("cluster", "host"), "Whether a host answered the last request")
IN_USE = Family("proxmox_mcp_host_in_use", "gauge", ("cluster", "host"), "Whether calls go to a host")
WHY = Family("proxmox_mcp_host_in_use_info", "gauge", ("cluster", "host", "reason"), "Why calls go to this host")
SCHEMA = Family(
    "proxmox_mcp_schema_info",
    "gauge",
    ("cluster", "version", "source", "node_version"),
    "The schema in use, its source, and the version that the node runs (empty: not known yet)",
)
ACCEPTED = Family(
    "proxmox_mcp_credentials_accepted",
    "gauge",
    ("cluster",),
    "Whether Proxmox accepted the credentials in the last request (absent: no request yet)",
)
CONFIGURED = Family(
    "proxmox_mcp_configured",
    "gauge",
    (),
    "Whether the settings are correct; 0: every call is answered with the settings to correct",
)
STATE_UP = Family(
    "proxmox_mcp_shared_state_up",
    "gauge",
    (),
    "Whether the shared state for confirmations and limits (MCP_STATE_URL) is available",
)
BUILD = Family("proxmox_mcp_build_info", "gauge", ("version",), "The version of this server")

FAMILIES = (
    CALLS,
    DECISIONS,
    TASKS,
    TASK_SECONDS,
    REQUESTS,
    SECONDS,
    SESSIONS,
    HOST_UP,
    IN_USE,
    WHY,
    SCHEMA,
    ACCEPTED,
    CONFIGURED,
    STATE_UP,
    BUILD,
)
_TASK_BUCKETS = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)


def describe() -> list[tuple[str, str, tuple[str, ...], str]]:
    """Every family as name, type, labels and help, for ``docs/metrics.md``."""
    return [(family.exposed, family.kind, family.labels, family.help) for family in FAMILIES]


class Metrics:
    """Counts what ``gateway.pipeline.Observer`` reports; reads ``gateway`` and ``sessions`` at each scrape."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.gateway: Gateway | None = None
        self.sessions: Callable[[], Mapping[str, int]] = dict
        self._calls = self._counter(CALLS)
        self._decisions = self._counter(DECISIONS)
        self._tasks = self._counter(TASKS)
        self._task_seconds = self._histogram(TASK_SECONDS, _TASK_BUCKETS)
        self._requests = self._counter(REQUESTS)
        self._seconds = self._histogram(SECONDS, _BUCKETS)
        self.registry.register(_CurrentState(self))

    def called(self, tool: str, result: str) -> None:
        """A call of a tool has ended."""
        self._calls.labels(tool, result).inc()

    def exchanges(self, cluster: str) -> Callable[[Exchange], None]:
        def told(exchange: Exchange) -> None:
            status = str(exchange.status or 0)
            self._requests.labels(cluster, exchange.host, exchange.method, status).inc()
            self._seconds.labels(cluster, exchange.method).observe(exchange.seconds)

        return told

    def decided(self, call: Call) -> None:
        if call.decision is not None:
            self._decisions.labels(call.cluster, " ".join(call.judgement.names), str(call.decision.verdict)).inc()

    def followed(self, cluster: str, outcome: TaskOutcome) -> None:
        kind = outcome.task.type
        self._tasks.labels(cluster, kind, outcome.state).inc()
        if outcome.state != "running" and outcome.seconds is not None:
            self._task_seconds.labels(cluster, kind).observe(outcome.seconds)

    def text(self, caller: Caller = LOCAL) -> bytes:
        """All metrics that a caller may see, in Prometheus' text format.

        A caller with access to some clusters sees only theirs: totals over all clusters would reveal the others.
        """
        return generate_latest(_VisibleTo(self.registry, caller) if caller.clusters else self.registry)

    def _counter(self, family: Family) -> Counter:
        return Counter(family.name, family.help, family.labels, registry=self.registry)

    def _histogram(self, family: Family, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(family.name, family.help, family.labels, buckets=buckets, registry=self.registry)


class _VisibleTo(CollectorRegistry):
    """The part of a registry that a caller with access to some clusters may see."""

    def __init__(self, registry: CollectorRegistry, caller: Caller) -> None:
        super().__init__()
        self._all, self._caller = registry, caller

    def collect(self) -> Iterator[Metric]:
        for family in self._all.collect():
            samples = [sample for sample in family.samples if self._may_see(family.name, sample.labels)]
            if samples:
                visible = copy(family)
                visible.samples = samples
                yield visible

    def _may_see(self, name: str, labels: Mapping[str, str]) -> bool:
        if "cluster" in labels:
            return self._caller.may_use(labels["cluster"])
        return name == BUILD.name


class _CurrentState(Collector):
    """The current state: sessions, hosts, schemas."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        sessions, build, state, configured = map(_gauge, (SESSIONS, BUILD, STATE_UP, CONFIGURED))
        for transport, count in self._metrics.sessions().items():
            sessions.add_metric([transport], count)
        build.add_metric([__version__], 1)
        gateway = self._metrics.gateway
        configured.add_metric([], float(gateway is not None))
        yield sessions
        yield build
        yield configured
        if gateway is not None:
            state.add_metric([], float(not gateway.guard.limits.fault))
            yield state
            yield from _clusters(gateway)


def _clusters(gateway: Gateway) -> Iterable[Metric]:
    up, in_use, why, schema, accepted = map(_gauge, (HOST_UP, IN_USE, WHY, SCHEMA, ACCEPTED))
    for name, cluster in gateway.clusters.items():
        known = cluster.pve.state()
        for node in known.nodes:
            if node.up is not None:
                up.add_metric([name, node.host], float(node.up))
            in_use.add_metric([name, node.host], float(node.in_use))
        if known.in_use:
            why.add_metric([name, known.in_use, known.reason], 1.0)
        if known.accepted is not None:
            accepted.add_metric([name], float(known.accepted))
        try:
            current = cluster.schema.load()
        except ApidocError:
            continue  # /readyz says why.
        schema.add_metric([name, current.index.version, current.kind, current.node_version], 1.0)
    return [up, in_use, why, schema, accepted]


def _gauge(family: Family) -> GaugeMetricFamily:
    return GaugeMetricFamily(family.name, family.help, labels=family.labels)
