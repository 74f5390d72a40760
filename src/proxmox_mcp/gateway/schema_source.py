"""Which schema the calls of a cluster are checked against and where it is from, and the reviews that judge them.

A start never waits on Proxmox: the server comes up on what is there (the cache, else the bundled snapshot that is
nearest) and changes over when the node has told its version and served its own ``apidoc.js``.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

import anyio
import anyio.to_thread
from msgspec import Struct
from msgspec.structs import replace

from proxmox_mcp.apidoc import load_index
from proxmox_mcp.apidoc.effects import bundled_effects
from proxmox_mcp.apidoc.local_index import find_local_index
from proxmox_mcp.errors import ApidocCacheError, ApidocError, AuthenticationError, ProxmoxError
from proxmox_mcp.gateway.search_source import SearchSource

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox_mcp.apidoc import EndpointIndex
    from proxmox_mcp.apidoc.reviews import Reviews
    from proxmox_mcp.apidoc.store import IndexStore
    from proxmox_mcp.proxmox.access import Reader
    from proxmox_mcp.search import Searcher

_LOG = logging.getLogger("proxmox_mcp.schema")

LOOK_AGAIN = 600.0
"""Seconds between looks at the node's version."""
_RETRY_FIRST, _RETRY_LONGEST = 2.0, 60.0
_VERSION_KEPT, _VERSION_WITHIN = 60.0, 5.0
NODES_FIRST = 2.0
"""Seconds that a search which must be built waits for the node's own schema."""

Kind = Literal["node", "cache", "bundled", "file", "url"]


class SchemaInUse(Struct, frozen=True):
    """An index, and how far it speaks for the cluster.

    ``node_version`` is what the node says of itself, empty as long as it has not been asked.
    """

    index: EndpointIndex
    kind: Kind
    node_version: str = ""
    trouble: str = ""

    @property
    def is_the_nodes(self) -> bool:
        """Whether this is the schema of the very version that the node runs."""
        return bool(self.node_version) and self.index.version == self.node_version

    def __str__(self) -> str:
        origin = {
            "node": "from the node itself",
            "cache": "cached from the node",
            "bundled": "the bundled snapshot",
            "file": "from a file",
            "url": "from a URL",
        }[self.kind]
        node = f"; the node runs {self.node_version}" if self.node_version else "; the node has not answered yet"
        return f"Proxmox VE {self.index.version or '(unknown version)'}, {origin}{node}"


class SchemaKeeper:
    """Keeps the schema of one cluster. There is always one in force; ``keep`` runs beside the server.

    ``source`` is a ``PROXMOX_APIDOC``. A file is read by the first ``load``, which raises ApidocError where it is not a
    schema: load it once before anything depends on it.
    """

    def __init__(self, pve: Reader, source: str, store: IndexStore | None) -> None:
        self._pve, self._source, self._store = pve, source, store
        self._current: SchemaInUse | None = None
        self._loading = threading.Lock()
        self._versions: dict[str, tuple[float, str]] = {}
        self._others: dict[str, SchemaInUse] = {}
        self._search = SearchSource(store)
        self._loading_search: threading.Thread | None = None
        self._look = anyio.Event()
        self._asked = threading.Event()
        """Set once the node has been asked for its version and its schema, with or without success."""

    async def current(self) -> SchemaInUse:
        """The schema in force; the first use loads it in a worker thread. Raises ApidocError."""
        if self._current is not None:
            return self._current
        return await anyio.to_thread.run_sync(self.load)

    async def searcher(self) -> Searcher:
        """The search of the schema in force; the first use builds it in a worker thread. Raises ApidocError."""
        loaded = self._loaded_search()
        return loaded if loaded is not None else await anyio.to_thread.run_sync(self.load_searcher)

    def begin_search(self) -> None:
        """Begin to load the search in a thread, for a caller that waits for Proxmox before it takes ``searcher``."""
        if self._loaded_search() is None and not (self._loading_search and self._loading_search.is_alive()):
            self._loading_search = _in_thread(self._load_search, "search")

    def load_searcher(self) -> Searcher:
        """As ``searcher``, blocking."""
        if self._loading_search is not None:
            self._loading_search.join()  # To open the cache beside it takes 5 ms from it.
        return self._loaded_search() or self._load_search()

    def _loaded_search(self) -> Searcher | None:
        return self._search.loaded(self._current.index) if self._current is not None else None

    def _load_search(self) -> Searcher:
        with self._store.held() if self._store is not None else nullcontext():
            return self._search.load(self.load().index)

    def prepare(self) -> None:
        """Load what the first check, the first judgement and the first search would otherwise wait for. Blocks.

        A search that no start has kept takes 0.2 s to build. Then the node's own schema goes first, whose search
        ``keep`` builds: that of the bundled snapshot would serve for a moment only.
        """
        index = self.load().index
        _prepare(index)
        if self._source == "auto" and not self._search.is_kept(index):
            self._asked.wait(NODES_FIRST)
        self.load_searcher()

    def load(self) -> SchemaInUse:
        """As ``current``, blocking: the first use takes about 40 ms."""
        if self._current is None:
            with self._loading:
                if self._current is None:
                    self._current = self._local_schema()
        return self._current

    async def keep(self) -> None:
        """Look at the node's version now and then, and follow it. Never returns, never raises for what Proxmox does.

        Refused credentials are not tried again for long: fail2ban, set up as Proxmox's wiki has it, shuts an address
        out after the third refusal, and then the cause can't be seen any more. It looks at once after a call succeeds.
        """
        pause, told = _RETRY_FIRST, ""
        while True:
            wait, refused = LOOK_AGAIN, False
            try:
                await self.refresh()
            except (ProxmoxError, ApidocError) as error:
                if error.message != told:
                    told = error.message
                    _LOG.info("working from %s: %s", await self.current(), told)
                refused = isinstance(error, AuthenticationError)
                if isinstance(error, ProxmoxError) and not refused:
                    wait, pause = pause, min(pause * 2, _RETRY_LONGEST)
            else:
                pause, told = _RETRY_FIRST, ""
            self._asked.set()
            self._look = anyio.Event()
            with anyio.move_on_after(wait):
                await (self._pve.credentials.recovered if refused else self._look).wait()

    async def refresh(self) -> SchemaInUse:
        """Ask the node for its version, and change over to its schema where that is another than the one in force.

        Raises ProxmoxError where the node can't be asked, ApidocError where it doesn't serve its ``apidoc.js``: then
        the best known schema for that version is in force.
        """
        version = _version(await self._pve.get("/version"))
        before = current = await self.current()
        if before.node_version != version or (before.kind != "url" and "://" in self._source):
            self._current = current = await anyio.to_thread.run_sync(self._local_schema, version)
        if self._source == "auto" and not (current.is_the_nodes and current.kind in ("node", "cache")):
            current = await anyio.to_thread.run_sync(self._from_the_node, version)
        if current is not before:
            _LOG.info("schema: %s", current)
        return current

    async def version_at(self, node: str) -> str:
        """The version that a node runs (empty: the host that answers), asked at most once a minute; empty where it
        can't be asked.

        In a rolling upgrade the nodes of a cluster differ, and each judges the calls that it serves by its own schema.
        """
        asked, version = self._versions.get(node, (-_VERSION_KEPT, ""))
        if time.monotonic() - asked < _VERSION_KEPT:
            return version
        try:
            path = f"/nodes/{quote(node, safe='')}/version" if node else "/version"
            answer = await self._pve.get(path, deadline=_VERSION_WITHIN)
        except ProxmoxError:
            return ""
        version = _version(answer)
        self._versions[node] = time.monotonic(), version
        if not node and version != (await self.current()).node_version:
            self._look.set()
        return version

    async def of_version(self, version: str) -> SchemaInUse:
        """The best known schema for a node of a version: the one in force, another that was cached, or a bundled."""
        current = await self.current()
        if version == current.node_version:
            return current
        if version not in self._others:
            self._others[version] = await anyio.to_thread.run_sync(self._local_schema, version)
        return self._others[version]

    def _local_schema(self, version: str = "") -> SchemaInUse:
        if self._source == "auto":
            found = find_local_index(version, self._store)
            return SchemaInUse(found.index, found.kind, version, found.cache_problem)
        if self._source == "bundled":
            return SchemaInUse(find_local_index(version).index, "bundled", version)
        if self._current is not None and self._current.kind in ("file", "url"):
            return replace(self._current, node_version=version)
        if "://" in self._source:
            return self._from_the_url(version)
        return SchemaInUse(load_index(Path(self._source)), "file", version)

    def _from_the_url(self, version: str) -> SchemaInUse:
        """What the URL gives; while it gives nothing, the bundled snapshot that is nearest."""
        from proxmox_mcp.apidoc.build import build, read_document

        try:
            return SchemaInUse(build(read_document(self._source))[0], "url", version)
        except ApidocError as error:
            _LOG.warning("PROXMOX_APIDOC: %s", error)
            return SchemaInUse(find_local_index(version).index, "bundled", version, str(error))

    def _from_the_node(self, version: str) -> SchemaInUse:
        from proxmox_mcp.apidoc.build import build, read_document
        from proxmox_mcp.apidoc.source import node_url

        connection = self._pve.connection
        in_use = self._pve.state().in_use
        host = next((host for host in connection.hosts if str(host) == in_use), connection.hosts[0])
        index, _ = build(read_document(node_url(host.host, host.port), tls=connection.tls), version)
        trouble = ""
        if self._store is not None:
            try:
                self._store.save(index)
            except ApidocCacheError as error:
                trouble = str(error)
                _LOG.warning("the schema was not cached: %s", error)
        schema = SchemaInUse(index, "node", version, trouble)
        self._search.load(index)
        _prepare(index)
        self._current = schema
        return schema


class ReviewSource:
    """Reads the reviews once: their files take 25 ms, which the list of tools and a search don't need."""

    def __init__(self) -> None:
        self._read: Reviews | None = None

    async def current(self) -> Reviews:
        """The reviews; the first use reads them in a worker thread. Raises ApidocFormatError."""
        if self._read is None:
            self._read = await anyio.to_thread.run_sync(bundled_effects)
        return self._read


def _version(answer: Any) -> str:
    version = str(answer.get("version", "")) if isinstance(answer, dict) else ""
    return version if version[:1].isdecimal() else ""


def warm(keeper: SchemaKeeper) -> None:
    """Load the schema and its search in a thread of their own, so that the first call doesn't wait for them."""
    _in_thread(keeper.prepare, "schema")


def _in_thread(load: Callable[[], object], name: str) -> threading.Thread:
    """Load in a thread; a fault of the schema is logged, and raised again for the call that needs it."""

    def loading() -> None:
        try:
            load()
        except ApidocError as error:
            _LOG.error("%s", error)

    thread = threading.Thread(target=loading, name=name, daemon=True)
    thread.start()
    return thread


def _prepare(index: EndpointIndex) -> None:
    """What the first check and the first judgement would otherwise wait for."""
    index.check("GET", "/version")
    bundled_effects()
