"""Whether Proxmox accepts the credentials, according to the calls so far."""

from __future__ import annotations

import logging

import anyio

_LOG = logging.getLogger("proxmox_mcp.proxmox")


class Credentials:
    """Whether one identity is accepted: None before the first call. ``refusal`` says why Proxmox refused it."""

    def __init__(self, identity: str) -> None:
        self._identity = identity
        self.accepted: bool | None = None
        self.refusal = ""
        self.recovered = anyio.Event()
        """Set when the credentials are accepted after a refusal; the next refusal creates a new event."""

    def taken(self) -> None:
        """Proxmox answered."""
        before, self.accepted, self.refusal = self.accepted, True, ""
        if before is False:
            self.recovered.set()
            _LOG.info("Proxmox VE accepts the credentials of %s again", self._identity)

    def refused(self, why: str) -> None:
        """Proxmox answered 401. Logged once until they are accepted again, not at every call."""
        before, self.accepted, self.refusal = self.accepted, False, why
        if before is False:
            return
        self.recovered = anyio.Event()
        _LOG.error(
            "Proxmox VE refuses the credentials of %s, so every call fails (%s). Run `proxmox-mcp doctor` with the "
            "server's settings: it says what to correct.",
            self._identity,
            why,
        )
