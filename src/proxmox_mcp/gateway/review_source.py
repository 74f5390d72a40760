"""The reviews of what each call does, read when the first call is judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio.to_thread

from proxmox_mcp.apidoc.effects import bundled_effects

if TYPE_CHECKING:
    from proxmox_mcp.apidoc.reviews import Reviews


class ReviewSource:
    """Reads the reviews once: their files take 25 ms, which the list of tools and a search don't need."""

    def __init__(self) -> None:
        self._read: Reviews | None = None

    async def current(self) -> Reviews:
        """The reviews; the first use reads them in a worker thread. Raises ApidocFormatError."""
        if self._read is None:
            self._read = await anyio.to_thread.run_sync(bundled_effects)
        return self._read
