"""uvicorn with this project's limits, on sockets that are open already, until SIGTERM or SIGINT."""

# Tested through tests/e2e/test_http.py.

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import uvicorn

from proxmox_mcp.app.connections import bounded_protocol, max_connections

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from starlette.types import ASGIApp

_SHUTDOWN_SECONDS = 5
"""Seconds that running calls have to finish when the server shuts down."""
_KEEP_ALIVE_SECONDS = 75
"""Seconds that an idle connection stays open. uvicorn's 5 are shorter than a model thinks between two calls, and a
server that closes first gives proxies (nginx: 60) a broken connection now and then."""


def run_until_signal(app: ASGIApp, sockets: list[socket.socket], *, reload: Callable[[], None] | None) -> None:
    """Run until SIGTERM or SIGINT; SIGHUP calls ``reload``. Without it, SIGHUP ends it too, unless it was ignored.

    After a clean shutdown uvicorn (0.54) raises the signal again, which would end the process with an error status:
    handlers that do nothing prevent that.
    """
    if hasattr(signal, "SIGHUP"):
        if reload is not None:
            signal.signal(signal.SIGHUP, lambda *_: reload())
        elif signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as under ``nohup``
            signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    uvicorn.Server(_config(app)).run(sockets=sockets)


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=bounded_protocol(max_connections()),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        lifespan="on",
        ws="none",
    )
