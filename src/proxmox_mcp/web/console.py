"""What the pages show and change, put together once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from proxmox_mcp.web.load import LoadHistory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from proxmox_mcp.confirm.approvals import Approvals
    from proxmox_mcp.gateway import Gateway
    from proxmox_mcp.store import Store
    from proxmox_mcp.web.live import Live
    from proxmox_mcp.web.passwords import Passwords
    from proxmox_mcp.web.security import Origin
    from proxmox_mcp.web.sessions import Sessions


def _nobody() -> Mapping[str, int]:
    return {}


def _nothing() -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """``gateway`` None: the settings are wrong (``faults`` says what to correct), or there is no cluster here.

    ``public``: the address that people use (MCP_PUBLIC_URL), None if it is not set. ``mcp``: the address of the MCP
    endpoints, None if the console has the same, empty if there are none here. ``asks_token``: whether MCP clients need
    a token. ``open_sessions`` counts the MCP sessions of each transport. ``audit_fault``: why no audit line can be
    written, empty if it can.
    """

    store: Store
    gateway: Gateway | None
    approvals: Approvals
    sessions: Sessions
    passwords: Passwords
    live: Live
    faults: str = ""
    public: Origin | None = None
    mcp: str | None = None
    asks_token: bool = True
    open_sessions: Callable[[], Mapping[str, int]] = _nobody
    audit_fault: Callable[[], str] = _nothing
    load: LoadHistory = field(default_factory=LoadHistory)
