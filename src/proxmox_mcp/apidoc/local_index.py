"""The best index that is available without a network: from the cache, else the nearest bundled snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from proxmox_mcp.apidoc.load import load_bundled
from proxmox_mcp.apidoc.releases import bundled_versions, nearest_bundled
from proxmox_mcp.errors import ApidocCacheError

if TYPE_CHECKING:
    from proxmox_mcp.apidoc.index import EndpointIndex
    from proxmox_mcp.apidoc.store import IndexStore


class LocalIndex(Struct, frozen=True):
    """An index and its source. ``cache_problem`` says why the cache could not be used; empty if it could."""

    index: EndpointIndex
    kind: Literal["cache", "bundled"]
    cache_problem: str = ""


def find_local_index(version: str = "", store: IndexStore | None = None) -> LocalIndex:
    """The best local index for a ``version`` such as ``9.1.9``.

    Without a version: the index that was cached last, or the newest bundled one. A cache that can't be used is not an
    error. Raises ApidocSourceError if ``version`` is not a version.
    """
    cache_problem = ""
    if store is not None:
        try:
            if (cached := store.load(version)) is not None:
                return LocalIndex(cached, "cache")
        except ApidocCacheError as error:
            cache_problem = str(error)
    name = nearest_bundled(version) if version else bundled_versions()[-1]
    return LocalIndex(load_bundled(name), "bundled", cache_problem)
