"""Metrics for Prometheus, in a registry of our own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from prometheus_client.core import Metric

    from proxmox_mcp.gateway import Gateway
    from proxmox_mcp.pve.client import Exchange

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """What is counted. ``gateway`` is looked at when metrics are read; set it before the first reading."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.gateway: Gateway | None = None
        self._calls = Counter(
            "proxmox_mcp_tool_calls",
            "Calls of tools by result (ok, asked, or an error code)",
            ["tool", "result"],
            registry=self.registry,
        )
        self._requests = Counter(
            "proxmox_mcp_proxmox_requests",
            "Requests to Proxmox by HTTP status (0: no answer)",
            ["cluster", "host", "method", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "proxmox_mcp_proxmox_seconds",
            "Time that Proxmox took to answer",
            ["cluster", "method"],
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.sessions = Gauge("proxmox_mcp_sse_sessions", "SSE sessions that are open", registry=self.registry)
        self.registry.register(_Clusters(self))

    def called(self, tool: str, result: str) -> None:
        self._calls.labels(tool, result).inc()

    def exchanges(self, cluster: str) -> Callable[[Exchange], None]:
        """Who is told of each exchange with a cluster."""

        def told(exchange: Exchange) -> None:
            status = str(exchange.status or 0)
            self._requests.labels(cluster, exchange.host, exchange.method, status).inc()
            self._seconds.labels(cluster, exchange.method).observe(exchange.seconds)

        return told

    def text(self) -> bytes:
        """All of them in the format that Prometheus reads."""
        return generate_latest(self.registry)


class _Clusters(Collector):
    """The state of hosts and schemas, read at the moment of asking."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        up = GaugeMetricFamily("proxmox_mcp_host_up", "Whether a host answered last", labels=["cluster", "host"])
        in_use = GaugeMetricFamily("proxmox_mcp_host_in_use", "The host in use", labels=["cluster", "host"])
        schema = GaugeMetricFamily(
            "proxmox_mcp_schema_info", "The schema in force", labels=["cluster", "version", "source", "node_version"]
        )
        gateway = self._metrics.gateway
        for name, cluster in (gateway.clusters if gateway else {}).items():
            for node in cluster.pve.state().nodes:
                if node.up is not None:
                    up.add_metric([name, node.host], float(node.up))
                in_use.add_metric([name, node.host], float(node.in_use))
            current = cluster.schema.current
            schema.add_metric([name, current.index.version, current.kind, current.node_version], 1.0)
        return [up, in_use, schema]
