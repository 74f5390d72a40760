"""The way of a call: resolve, check, decide, confirm, send, follow, shape. There is no other way to a cluster."""

from proxmox_mcp.gateway.gateway import Gateway
from proxmox_mcp.gateway.request import NO_CLIENT, Answer, Client, Request

__all__ = [
    "NO_CLIENT",
    "Answer",
    "Client",
    "Gateway",
    "Request",
    "answers",
    "changes",
    "cluster",
    "enforcement",
    "explain",
    "metrics_hooks",
    "pipeline",
    "places",
    "plans",
    "problems",
    "schema_source",
    "suggestions",
    "wording",
    "working",
]
