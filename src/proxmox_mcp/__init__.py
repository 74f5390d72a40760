"""A few MCP tools over the whole Proxmox VE API, each call checked against the cluster's own schema."""

__version__ = "0.2.0"
