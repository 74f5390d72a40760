"""Where a server is: a host with its port."""

# Tested through tests/proxmox/test_connection.py.

from __future__ import annotations

from msgspec import Struct


class HostPort(Struct, frozen=True):
    """``host`` is a name or an address, IPv6 without brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
