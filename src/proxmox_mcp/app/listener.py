"""Where the server listens. The sockets are opened before anything is logged: a taken port is a one-line error."""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from proxmox_mcp.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxmox_mcp.settings import ServerSettings

BACKLOG = 2048
"""Connections that wait to be accepted: uvicorn's default."""


def require_authentication(settings: ServerSettings) -> None:
    """Refuse an address that other machines reach while anyone may call. Raises SettingsError with the lines to set."""
    if settings.mcp_auth == "none" or settings.mcp_auth_token.get_secret_value() or settings.mcp_callers_file:
        return
    if settings.loopback:
        return
    hosts = "" if settings.mcp_allowed_hosts else ", and MCP_ALLOWED_HOSTS to the name that clients use"
    raise SettingsError(
        f"MCP_AUTH_TOKEN is missing, and MCP_HOST={settings.mcp_host} can be reached from other machines.",
        f"Set MCP_AUTH_TOKEN to what `proxmox-mcp token new` prints{hosts}; or MCP_HOST=127.0.0.1 to serve this "
        "machine only; or MCP_AUTH=none if a proxy in front authenticates callers.",
    )


@contextmanager
def listening_sockets(host: str, port: int, setting: str = "MCP_PORT") -> Iterator[list[socket.socket]]:
    """Sockets on every address of ``host`` (``localhost``: two); port 0 takes a free one. ``setting`` names the port.

    Raises SettingsError, in one line with what to do, if one of them can't be opened.
    """
    with ExitStack() as stack:
        try:
            found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or "not a host name"
            raise SettingsError(
                f"MCP_HOST={host} can't be resolved ({reason}): use an address of this machine, such as 127.0.0.1."
            ) from None
        opened: list[socket.socket] = []
        for family, address in dict.fromkeys((each[0], each[4][:2]) for each in found):
            chosen = opened[0].getsockname()[1] if opened else address[1]
            try:
                listener = socket.create_server((str(address[0]), chosen), family=family, backlog=BACKLOG)
                opened.append(stack.enter_context(listener))
                # Connections take it over. asyncio sets it only on sockets made for IPPROTO_TCP by number
                # (``base_events._set_nodelay``); without it an answer in two parts waits 40 ms for an acknowledgement.
                listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as error:
                if opened and error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    continue  # /etc/hosts may list ::1 for localhost although the kernel has no IPv6
                raise SettingsError(listen_fault(error, host, port, setting)) from None
        yield opened


def listen_fault(error: OSError, host: str, port: int, setting: str = "MCP_PORT") -> str:
    """Why the server can't listen on an address, and what to do, in one line."""
    choose = f"{setting}, or serve --port" if setting == "MCP_PORT" else setting
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"Port {port} of {host} is in use by another program: stop it (`ss -ltnp 'sport = :{port}'` names it), "
                f"or choose another port ({choose})."
            )
        case errno.EADDRNOTAVAIL:
            return (
                f"MCP_HOST={host} is not an address of this machine: set 0.0.0.0 (all of its addresses) or 127.0.0.1 "
                "(this machine only)."
            )
        case errno.EACCES:
            return f"Port {port} needs root rights: choose a port above 1023 ({choose})."
        case _:
            return f"Can't listen on {host} port {port} ({error.strerror}): check MCP_HOST and {setting}."
