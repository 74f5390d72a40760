"""A call held against the schema as Proxmox itself would judge it."""
