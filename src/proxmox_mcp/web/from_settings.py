"""Builds the console from the settings, and says where it is served."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from proxmox_mcp.assembly import audit_of, store_of
from proxmox_mcp.confirm.approvals import Approvals
from proxmox_mcp.confirm.freezes import Freezes
from proxmox_mcp.confirm.grants import Grants
from proxmox_mcp.errors import SettingsError, listed
from proxmox_mcp.policy.stored_callers import StoredCallers
from proxmox_mcp.record.activity import ActivityLog
from proxmox_mcp.record.audit import why_unwritable
from proxmox_mcp.web.console import Console
from proxmox_mcp.web.live import Live
from proxmox_mcp.web.marks import marks
from proxmox_mcp.web.security import Origin
from proxmox_mcp.web.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from proxmox_mcp.gateway import Gateway
    from proxmox_mcp.policy.caller import Caller
    from proxmox_mcp.settings import ServerSettings, Settings
    from proxmox_mcp.web.passwords import Passwords


def console_of(
    settings: Settings,
    core: Gateway | SettingsError | None,
    passwords: Passwords,
    callers: StoredCallers | None = None,
    *,
    configured: Callable[[], Sequence[Caller]] = tuple,
    open_sessions: Callable[[], Mapping[str, int]] = dict,
    serves_clients: bool = True,
    check: Callable[[], str] | None = None,
) -> Console:
    """The console over a gateway; nothing is opened yet.

    ``core``: the gateway, or what is wrong with the settings, or None where there is no cluster. ``callers``: those
    whom the server lets in beside the ``configured`` ones. ``serves_clients``: whether MCP clients connect to this
    server. Raises SettingsError for an unusable store.
    """
    server = settings.server
    gateway = None if isinstance(core, SettingsError) else core
    guard = gateway.guard if gateway is not None else None
    store = guard.store if guard else store_of(server)
    activity = guard.activity if guard else ActivityLog(store)
    audit = guard.audit if guard else audit_of(settings, activity)
    return Console(
        store=store,
        gateway=gateway,
        approvals=guard.approvals if guard else Approvals(store),
        freezes=guard.freezes if guard else Freezes(store, audit),
        grants=guard.grants if guard else Grants(store),
        activity=activity,
        audit=audit,
        callers=callers or StoredCallers(store),
        sessions=Sessions(store),
        passwords=passwords,
        live=Live(store, partial(marks, store)),
        faults="\n".join(map(listed, core.faults)) if isinstance(core, SettingsError) else "",
        public=Origin.parsed(server.mcp_public_url) if server.mcp_public_url else None,
        mcp=_mcp_address(server) if serves_clients else "",
        asks_token=bool(server.mcp_auth_token.get_secret_value() or server.mcp_callers_file),
        open_sessions=open_sessions,
        audit_fault=lambda: why_unwritable(Path(server.mcp_audit_file)) if server.mcp_audit_file else "",
        configured_callers=configured,
        check=check,
    )


def console_address(server: ServerSettings, port: int | None = None) -> str:
    """The address of the console for people, with a slash at the end: a guess where MCP_PUBLIC_URL is not set.

    ``port``: where it listens, in place of the setting.
    """
    if server.mcp_public_url:
        return f"{server.mcp_public_url}/console/"
    listens = port or server.mcp_console_port or server.mcp_port
    host = server.mcp_console_host or (server.mcp_allowed_hosts[0] if server.mcp_allowed_hosts else "127.0.0.1")
    return f"http://{_with_port(host, listens)}{server.mcp_root_path}/console/"


def _mcp_address(server: ServerSettings) -> str | None:
    """Where MCP clients connect; None if that is where the console is, since its visitors know the address best."""
    if not server.mcp_console_port and not server.mcp_console_host:
        return None
    host = server.mcp_allowed_hosts[0] if server.mcp_allowed_hosts else "127.0.0.1"
    return f"http://{_with_port(host, server.mcp_port)}{server.mcp_root_path}"


def _with_port(host: str, port: int) -> str:
    try:
        has_port = urlsplit(f"//{host}").port is not None
    except ValueError:
        has_port = True
    return host if has_port else f"{host}:{port}"
