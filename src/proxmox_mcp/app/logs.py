"""Logging to standard error: lines for people, or JSON for collectors; never a secret."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from proxmox_mcp.errors import SettingsError, listed
from proxmox_mcp.record.audit import LOGGER as AUDIT
from proxmox_mcp.server.request_id import known_id

if TYPE_CHECKING:
    from proxmox_mcp.gateway import Gateway
    from proxmox_mcp.proxmox.connection import Connection
    from proxmox_mcp.record.redaction import Redactor
    from proxmox_mcp.settings import ServerSettings

_LOG = logging.getLogger("proxmox_mcp")
_QUIET = ("uvicorn.access", "mcp", "urllib3", "proxmoxer", "sse_starlette", "httpx2", "httpcore2", "asyncio")


def configure_logging(settings: ServerSettings, redactor: Redactor | None = None) -> None:
    """Send all logs to standard error in the configured format. Libraries log from WARNING up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json(redactor) if settings.mcp_log_format == "json" else _Text(redactor))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.mcp_log_level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.getLogger("mcp.server.lowlevel").setLevel(logging.ERROR)
    # Without MCP_AUDIT_FILE the audit log goes here. It is a record, so no log level may silence it.
    logging.getLogger(AUDIT).setLevel(logging.INFO)


def log_start(core: Gateway | SettingsError) -> None:
    """Log each cluster with its hosts and identity, or everything that is wrong with the settings."""
    if isinstance(core, SettingsError):
        for fault in core.faults:
            _LOG.error("%s", listed(fault))
        _LOG.error("no calls are sent to Proxmox VE: each is answered with the settings to correct")
        return
    for name, cluster in core.clusters.items():
        connection = cluster.pve.connection
        by = "an API token" if connection.token else "a password"
        hosts = ", ".join(map(str, connection.hosts))
        _LOG.info("cluster %s: %s, as %s with %s; certificate %s", name, hosts, connection.identity, by,
                  _checked(connection))  # fmt: skip
        if not connection.verifies:
            _LOG.warning(
                "cluster %s: the certificate is not checked, so anyone who can redirect the connection can read the "
                "credentials. Set PROXMOX_FINGERPRINT (`proxmox-mcp doctor` prints it) or PROXMOX_CA_FILE.",
                name,
            )


def _checked(connection: Connection) -> str:
    if connection.fingerprints:
        return "pinned by PROXMOX_FINGERPRINT"
    if connection.ca_file:
        return f"checked against {connection.ca_file}"
    return "checked against public authorities" if connection.verify_ssl else "not checked"


class _Text(logging.Formatter):
    def __init__(self, redactor: Redactor | None) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s%(request)s: %(message)s")
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        known = known_id()
        record.request = f" [{known}]" if known else ""
        text = super().format(record)
        return self._redactor.text(text) if self._redactor else text


class _Json(logging.Formatter):
    def __init__(self, redactor: Redactor | None) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if known := known_id():
            entry["request_id"] = known
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        if self._redactor:
            entry = {key: self._redactor.text(value) for key, value in entry.items()}
        return json.dumps(entry, ensure_ascii=False)
