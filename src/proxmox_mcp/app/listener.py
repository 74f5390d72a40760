"""The sockets that the server listens on: opened before it says that it serves, so that a taken port is one line."""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from proxmox_mcp.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

BACKLOG = 2048
"""Connections that wait to be taken, as uvicorn has it."""


@contextmanager
def listening(host: str, port: int) -> Iterator[list[socket.socket]]:
    """Sockets on every address that ``host`` stands for (``localhost``: two); port 0 takes a free one.

    Raises SettingsError, a single line with the cure, where one of them can't be opened.
    """
    with ExitStack() as stack:
        try:
            found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or "not a name"
            raise SettingsError(
                f"MCP_HOST={host} can't be resolved ({reason}): use an address of this machine, such as 127.0.0.1."
            ) from None
        opened: list[socket.socket] = []
        for family, address in dict.fromkeys((each[0], each[4][:2]) for each in found):
            chosen = opened[0].getsockname()[1] if opened else address[1]
            try:
                opened.append(
                    stack.enter_context(socket.create_server((str(address[0]), chosen), family=family, backlog=BACKLOG))
                )
            except OSError as error:
                if opened and error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    continue  # localhost is ::1 too by /etc/hosts, where the kernel has no IPv6
                raise SettingsError(why_not(error, host, port)) from None
        yield opened


def why_not(error: OSError, host: str, port: int) -> str:
    """Why an address can't be listened on, and the cure, in one line."""
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"Port {port} of {host} is in use by another program: stop it (`ss -ltnp 'sport = :{port}'` names it), "
                "or choose another port (MCP_PORT, or serve --port)."
            )
        case errno.EADDRNOTAVAIL:
            return (
                f"MCP_HOST={host} is not an address of this machine: set 0.0.0.0 (all of its addresses) or 127.0.0.1 "
                "(this machine only)."
            )
        case errno.EACCES:
            return f"Port {port} needs root rights: choose a port above 1023 (MCP_PORT, or serve --port)."
        case _:
            return f"{host} port {port} can't be listened on ({error.strerror}): check MCP_HOST and MCP_PORT."
