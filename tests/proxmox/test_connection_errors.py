"""The message for a request that failed, where loopback can't show the failure (see test_client for the others)."""

from __future__ import annotations

import errno
import os
import ssl

import pytest
import requests
import urllib3

from proxmox_mcp.errors import UnreachableError
from proxmox_mcp.net.address import HostPort
from proxmox_mcp.net.failures import FailureKind, classify
from proxmox_mcp.proxmox.connection_errors import explain


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
    error = explain(classify(not_connected(number)), HostPort("pve1", 8006), writes=True, connect_seconds=5.0)
    assert isinstance(error, UnreachableError)
    assert error.message == said
    assert not error.sent


@pytest.mark.parametrize(
    "closed",
    [
        ssl.SSLEOFError(8, "EOF occurred in violation of protocol"),
        ssl.SSLZeroReturnError(6, "TLS/SSL connection has been closed (EOF)"),
        ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
    ],
)
def test_a_close_during_the_handshake_is_told_as_one_whatever_tls_says_of_it(closed: OSError) -> None:
    assert classify(closed).kind is FailureKind.CLOSED_IN_HANDSHAKE
    assert classify(requests.exceptions.SSLError(closed)).kind is FailureKind.CLOSED_IN_HANDSHAKE
