"""Where the server listens."""

from __future__ import annotations

import socket

from proxmox_mcp.app.listener import listening_sockets


def test_small_answers_go_out_at_once() -> None:
    """Otherwise a second small packet waits until the client has acknowledged the first: 40 ms for each call."""
    with (
        listening_sockets("127.0.0.1", 0) as (listener,),
        socket.create_connection(listener.getsockname()),
        listener.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
