"""The permissions of one cluster's identity, as Proxmox reports them, cached for a minute."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import anyio
from msgspec.structs import replace

from proxmox_mcp.errors import ParametersError, ProxmoxError
from proxmox_mcp.proxmox.permissions import Permissions, Rights

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.apidoc import Endpoint
    from proxmox_mcp.proxmox.access import Reader

KEPT = 60.0
PATIENCE = 2.0
"""Seconds to wait for the permissions: a search must not wait for a node that is down to add their marks."""
MOST_ASKED = 8
"""Object paths that are requested by name for one call."""
_PERMISSIONS = "/access/permissions"


class PermissionCache:
    """Reads the permissions when they are needed, and again after a minute."""

    def __init__(self, reader: Reader, identity: str, *, kept: float = KEPT) -> None:
        self._reader = reader
        self._identity = identity
        self._kept = kept
        self._rights: Rights | None = None
        self._read = 0.0
        self._turn = anyio.Lock()

    async def rights(self) -> Rights | None:
        """The rights of the identity as Proxmox reports them; None if they can't be read now."""
        async with self._turn:
            return await self._known()

    async def rights_for(self, endpoint: Endpoint, params: Mapping[str, Any]) -> Rights | None:
        """The rights with the privileges on the paths of one call: paths that the list leaves open are requested by
        name, each once. None if nothing can be read now."""
        async with self._turn:
            rights = await self._known()
            if rights is None:
                return None
            for path in rights.unsettled(endpoint, params)[:MOST_ASKED]:
                try:
                    data = await self._reader.get(_PERMISSIONS, {"path": path}, deadline=PATIENCE)
                except ParametersError:  # this version of Proxmox doesn't know such a path
                    continue
                except ProxmoxError:
                    break
                if (told := Permissions.of(data).held.get(path)) is not None:
                    rights = self._rights = replace(rights, permissions=rights.permissions.and_at({path: told}))
            return rights

    def forget(self) -> None:
        """Read the permissions again when they are needed next: somebody may have changed them."""
        self._read = 0.0

    async def _known(self) -> Rights | None:
        if not self._read or time.monotonic() - self._read > self._kept:
            try:
                data = await self._reader.get(_PERMISSIONS, deadline=PATIENCE)
                self._rights = Rights(self._identity, Permissions.of(data))
            except ProxmoxError:
                self._rights = None
            self._read = time.monotonic()
        return self._rights
