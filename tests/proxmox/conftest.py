"""Certificates and connections for the tests of ``pve``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from proxmox_mcp.net.address import HostPort
from proxmox_mcp.proxmox.access import Reader
from proxmox_mcp.proxmox.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = "11111111-2222-3333-4444-555555555555"


def reader(script: Any) -> Reader:
    """A reader of a script that answers as ``Proxmox`` does."""
    return Reader(script)


@pytest.fixture
def connect() -> Callable[..., Connection]:
    """A connection by token to ports of loopback."""

    def make(*ports: int, **given: Any) -> Connection:
        values: dict[str, Any] = {
            "hosts": tuple(HostPort("127.0.0.1", port) for port in ports),
            "user": "mcp@pve",
            "token": "t1",
            "secret": SECRET,
            "timeout": 5.0,
        }
        return Connection(**values | given)

    return make
