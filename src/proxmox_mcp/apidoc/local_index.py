"""What there is to work from without asking anybody: the cache, else the bundled snapshot that is nearest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from proxmox_mcp.apidoc.load import load_bundled
from proxmox_mcp.apidoc.releases import bundled_versions, nearest_bundled
from proxmox_mcp.errors import ApidocCacheError

if TYPE_CHECKING:
    from proxmox_mcp.apidoc.index import EndpointIndex
    from proxmox_mcp.apidoc.store import IndexStore


@dataclass(frozen=True, slots=True)
class AtHand:
    """An index and where it comes from. ``trouble`` says why the cache could not be used, if it couldn't."""

    index: EndpointIndex
    kind: Literal["cache", "bundled"]
    trouble: str = ""


def index_at_hand(version: str = "", store: IndexStore | None = None) -> AtHand:
    """The best index at hand for a ``version`` such as ``9.1.9``.

    Without a version it is the one that was cached last, or the newest bundled. A cache that can't be used is no error.
    Raises ApidocSourceError where ``version`` is no version.
    """
    trouble = ""
    if store is not None:
        try:
            if (cached := store.load(version)) is not None:
                return AtHand(cached, "cache")
        except ApidocCacheError as error:
            trouble = str(error)
    name = nearest_bundled(version) if version else bundled_versions()[-1]
    return AtHand(load_bundled(name), "bundled", trouble)
