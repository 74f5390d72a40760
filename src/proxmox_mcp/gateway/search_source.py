"""The search of the schema in force: built once for each schema, from what an earlier start kept where it can be."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from proxmox_mcp.errors import ApidocCacheError

if TYPE_CHECKING:
    from proxmox_mcp.apidoc import EndpointIndex
    from proxmox_mcp.apidoc.store import IndexStore
    from proxmox_mcp.search import Searcher

_LOG = logging.getLogger("proxmox_mcp.schema")


class SearchSource:
    """Builds the search of an index and remembers the last. Safe in threads; two never build the same."""

    def __init__(self, store: IndexStore | None) -> None:
        self._store = store
        self._built: Searcher | None = None
        self._read = "", b""
        """The name and the bytes of a kept search that ``is_kept`` has read, for the build that follows."""
        self._building = threading.Lock()

    def load(self, index: EndpointIndex) -> Searcher:
        """The search of an index. Blocks while it is built (about 0.2 s): call it in a worker thread."""
        if (built := self.loaded(index)) is not None:  # No lock: searches go on while that of a new schema is built.
            return built
        with self._building:
            if (built := self.loaded(index)) is None:
                built = self._built = self._build(index)
            return built

    def loaded(self, index: EndpointIndex) -> Searcher | None:
        """The search of an index if ``load`` gives it at once."""
        built = self._built
        return built if built is not None and built.index is index else None

    def is_kept(self, index: EndpointIndex) -> bool:
        """Whether an earlier start has kept the search of an index, or it is loaded. Blocks for some milliseconds."""
        name = _name(index)
        with self._building:
            if self.loaded(index) is not None:
                return True
            try:
                self._read = name, self._kept(name)
            except ApidocCacheError:
                return False
            return bool(self._read[1])

    def _build(self, index: EndpointIndex) -> Searcher:
        # Imported here: the search takes a fifth of what a start imports, and no start needs it at once.
        from proxmox_mcp.search import Searcher

        name = _name(index)
        try:
            searcher = Searcher(index, stored=self._kept(name))
            if self._store is not None and not searcher.was_stored:
                self._store.keep(name, searcher.store())
        except ApidocCacheError as error:
            _LOG.info("the search is not cached, and built at every start: %s", error)
            return Searcher(index)
        return searcher

    def _kept(self, name: str) -> bytes:
        """What an earlier start has kept under a name, read once; empty if it kept nothing. Raises ApidocCacheError."""
        (read, data), self._read = self._read, ("", b"")
        if read == name:
            return data
        return self._store.kept(name) if self._store is not None else b""


def _name(index: EndpointIndex) -> str:
    """The name under which the search of an index is kept."""
    return f"search {index.version} {index.origin.digest}"
