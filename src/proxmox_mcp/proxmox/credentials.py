"""Whether Proxmox takes our credentials, as far as the calls so far have shown."""

from __future__ import annotations

import logging

import anyio

_LOG = logging.getLogger("proxmox_mcp.proxmox")


class Credentials:
    """What is known of one identity. ``accepted`` is None before it was asked; ``refusal`` says why it was refused."""

    def __init__(self, identity: str) -> None:
        self._identity = identity
        self.accepted: bool | None = None
        self.refusal = ""
        self.recovered = anyio.Event()
        """Set when the credentials are taken after a refusal; the next refusal makes a new one."""

    def taken(self) -> None:
        """Proxmox answered."""
        before, self.accepted, self.refusal = self.accepted, True, ""
        if before is False:
            self.recovered.set()
            _LOG.info("Proxmox VE accepts the credentials of %s again", self._identity)

    def refused(self, why: str) -> None:
        """Proxmox answered 401. Logged once, until they are taken again: not at every call."""
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
