"""The way of a call: resolve, check, decide, confirm, send, follow, shape. There is no other way to a cluster."""

from proxmox_mcp.gateway.call import NO_CLIENT, Answer, Call, Client
from proxmox_mcp.gateway.gateway import Gateway

__all__ = ["NO_CLIENT", "Answer", "Call", "Client", "Gateway"]
