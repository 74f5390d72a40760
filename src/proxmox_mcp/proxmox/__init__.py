"""Talking to Proxmox VE: calls, tasks, privileges, and what the cluster holds right now. Knows nothing of MCP."""
