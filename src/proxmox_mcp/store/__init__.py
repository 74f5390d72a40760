"""Durable state, in SQLite or PostgreSQL; and what replicas share while they run, in Valkey (``valkey.py``)."""

from proxmox_mcp.store.store import Store, Transaction

__all__ = ["Store", "Transaction", "tables", "valkey"]
