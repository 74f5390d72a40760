"""The way of a call: resolve, check, decide, confirm, send, follow, shape. There is no other way to a cluster."""

from proxmox_mcp.gateway.gateway import Gateway
from proxmox_mcp.gateway.request import FOR_PEOPLE, NO_CLIENT, Client, Reply, Request

__all__ = [
    "FOR_PEOPLE",
    "NO_CLIENT",
    "Client",
    "Gateway",
    "Reply",
    "Request",
    "answers",
    "changes",
    "cluster",
    "enforcement",
    "explain",
    "guest_command",
    "pipeline",
    "places",
    "plans",
    "problems",
    "schema_source",
    "suggestions",
]
