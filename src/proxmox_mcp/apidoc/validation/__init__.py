"""A call held against the schema as Proxmox itself would judge it."""

__all__ = ["authority", "checker", "encode", "faults", "patterns", "perl", "structures"]
