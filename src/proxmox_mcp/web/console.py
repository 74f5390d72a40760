"""What the pages show and change, put together once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import anyio
from msgspec import Struct, field

from proxmox_mcp.errors import AuditError
from proxmox_mcp.web.kept import Kept, Shared

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from markupsafe import Markup

    from proxmox_mcp.confirm.approvals import Approvals
    from proxmox_mcp.confirm.freezes import Freezes
    from proxmox_mcp.confirm.grants import Grants
    from proxmox_mcp.gateway import Gateway
    from proxmox_mcp.gateway.cluster import Cluster
    from proxmox_mcp.policy.caller import Caller
    from proxmox_mcp.policy.stored_callers import StoredCallers
    from proxmox_mcp.record.activity import ActivityLog
    from proxmox_mcp.record.audit import AuditLog
    from proxmox_mcp.store import Store
    from proxmox_mcp.web.live import Live
    from proxmox_mcp.web.load import NodeLoad
    from proxmox_mcp.web.passwords import Passwords
    from proxmox_mcp.web.problems import Findings
    from proxmox_mcp.web.security import Origin
    from proxmox_mcp.web.sessions import Sessions
    from proxmox_mcp.web.tasks import RunningTask
    from proxmox_mcp.web.visit import Shell


_LOG = logging.getLogger("proxmox_mcp.web")


class Console(Struct, frozen=True, kw_only=True):
    """``gateway`` None: the settings are wrong (``faults`` says what to correct), or there is no cluster here.

    ``public``: the address that people use (MCP_PUBLIC_URL), None if it is not set. ``mcp``: the address of the MCP
    endpoints, None if the console has the same, empty if this server serves no MCP. ``asks_token``: whether MCP clients
    need a token. ``open_sessions`` counts the MCP sessions of each transport. ``audit_fault``: why no audit line can be
    written, empty if it can. ``check`` checks the set-up and gives its report; None where nobody can.
    """

    store: Store
    gateway: Gateway | None
    approvals: Approvals
    freezes: Freezes
    grants: Grants
    activity: ActivityLog
    audit: AuditLog
    callers: StoredCallers
    sessions: Sessions
    passwords: Passwords
    live: Live
    faults: str = ""
    public: Origin | None = None
    mcp: str | None = None
    asks_token: bool = True
    open_sessions: Callable[[], Mapping[str, int]] = dict
    audit_fault: Callable[[], str] = str
    configured_callers: Callable[[], Sequence[Caller]] = tuple
    check: Callable[[], str] | None = None
    loads: Kept[Mapping[str, NodeLoad]] = field(default_factory=Kept)
    findings: Kept[Findings] = field(default_factory=Kept)
    shells: Shared[Shell] = field(default_factory=Shared)
    running: Shared[Sequence[RunningTask]] = field(default_factory=Shared)
    calls: Shared[Markup] = field(default_factory=Shared)
    checking: anyio.Lock = field(default_factory=anyio.Lock)

    @property
    def clusters(self) -> Mapping[str, Cluster]:
        """The clusters by name; none without a gateway."""
        return self.gateway.clusters if self.gateway is not None else {}

    async def on_record(self, event: str, by: str, details: Mapping[str, Any]) -> None:
        """Put on record what a person did. It is done already: where it can't be recorded the log says so."""
        try:
            await self.store.in_thread(self.audit.act, event, by, details)
        except AuditError as error:
            _LOG.error("%s by %s was not recorded: %s", event, by, error)
