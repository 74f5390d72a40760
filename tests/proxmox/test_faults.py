"""The words for what kept an exchange from happening, where a loopback can't show it."""

from __future__ import annotations

import errno
import os

import pytest
import requests
import urllib3

from patience import from_now
from proxmox_mcp.errors import UnreachableError
from proxmox_mcp.proxmox.connection import HostPort
from proxmox_mcp.proxmox.faults import explain
from proxmox_mcp.proxmox.sockets import Flight


def not_connected(number: int) -> Exception:
    """What requests raises where the kernel says no to a connection."""
    cause = OSError(number, os.strerror(number))
    pool = urllib3.HTTPSConnectionPool("pve1", 8006)
    failure = urllib3.exceptions.NewConnectionError(
        urllib3.connection.HTTPSConnection("pve1"), f"Failed to establish a new connection: {cause}"
    )
    failure.__cause__ = cause
    return requests.ConnectionError(urllib3.exceptions.MaxRetryError(pool, "/", failure))


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EHOSTUNREACH, "pve1:8006 can't be reached (no route to host)."),
        (errno.ENETUNREACH, "pve1:8006 can't be reached (network is unreachable)."),
        (errno.ECONNREFUSED, "pve1:8006 refuses the connection."),
        (errno.ECONNRESET, "pve1:8006 closed the connection during the TLS handshake."),
        (errno.ETIMEDOUT, "pve1:8006 did not answer within 5 s."),
    ],
)
def test_a_connection_that_the_kernel_refuses_is_told_by_its_cause(number: int, said: str) -> None:
    flight = Flight()
    flight.start(deadline=from_now(30), silence=5)
    error = explain(not_connected(number), HostPort("pve1"), flight, writes=True, connect_timeout=5.0)
    assert isinstance(error, UnreachableError)
    assert error.message == said
    assert not error.sent
