"""Which schema a cluster's calls are held against: at hand at once, then the node's own, through upgrades."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
import pytest

from apidoc_documents import document, method
from apidoc_documents import node as path_of
from patience import PATIENCE
from proxmox.raw_server import reply
from proxmox_mcp.apidoc.store import IndexStore
from proxmox_mcp.errors import ApidocSourceError, ConfirmationNeededError, InvalidCallError, UnreachableError
from proxmox_mcp.gateway import Gateway, Request
from proxmox_mcp.gateway.search_source import SearchSource
from proxmox_mcp.search import Searcher
from tool_calls import run_tool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from gateway.conftest import Script
    from proxmox.raw_server import RawServer
    from proxmox.raw_server import Request as Sent
    from proxmox_mcp.apidoc import EndpointIndex
    from proxmox_mcp.gateway.schema_source import SchemaKeeper

pytestmark = pytest.mark.anyio

DOCUMENT = document(path_of("/nodes", GET=method("list")), path_of("/version", GET=method()))
NEW_ENDPOINT = "/cluster/ha/rules"
"""It was added in 9.1; 8.4 doesn't have it."""


class Node:
    """A node that says what version it runs, and serves a document for it or a web page."""

    def __init__(self) -> None:
        self.versions = {"": "8.4.5"}
        self.document: bytes | None = None

    def answer(self, request: Sent, connection: Any) -> None:
        path = request.target.partition("?")[0].removeprefix("/api2/json")
        if path == "/pve-docs/api-viewer/apidoc.js":
            body = self.document or b"<html>gone</html>"
            status = "200 OK" if self.document else "404 Not Found"
            head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            connection.sendall(head.encode() + body)
            return
        if path.endswith("/version"):
            node = path.split("/")[2] if path.startswith("/nodes/") else ""
            connection.sendall(reply({"version": self.versions.get(node, self.versions[""])}))
            return
        connection.sendall(reply([]))


@pytest.fixture
def node() -> Node:
    return Node()


@pytest.fixture
async def make(gateway_to: Callable[..., Gateway]) -> AsyncIterator[Callable[..., Gateway]]:
    """``gateway_to``, with what it opened closed at the end."""
    made: list[Gateway] = []

    def gateway(*given: Any, **settings: str) -> Gateway:
        made.append(gateway_to(*given, **settings))
        return made[-1]

    yield gateway
    for each in made:
        await each.aclose()


@pytest.fixture
async def gateway(upstream: RawServer, make: Callable[..., Gateway]) -> Gateway:
    return make(upstream.port, PROXMOX_APIDOC="auto")


def keeper(gateway: Gateway) -> SchemaKeeper:
    return gateway.clusters["default"].schema


async def test_before_the_node_was_asked_there_is_a_schema_at_hand(gateway: Gateway) -> None:
    current = await keeper(gateway).current()
    assert current.kind == "bundled"
    assert not current.is_the_nodes
    assert "has not answered yet" in str(current)


async def test_the_schema_of_the_node_takes_the_place_of_what_was_at_hand(gateway: Gateway, node: Node) -> None:
    node.document = DOCUMENT
    current = await keeper(gateway).refresh()
    assert (current.kind, current.index.version) == ("node", "8.4.5")
    assert current.is_the_nodes


async def test_what_a_node_served_once_is_in_force_at_the_next_start(
    make: Callable[..., Gateway], node: Node, upstream: RawServer, tmp_path: Path
) -> None:
    node.document = DOCUMENT
    settings = {"PROXMOX_APIDOC": "auto", "MCP_CACHE_DIR": str(tmp_path / "state")}
    await keeper(make(upstream.port, **settings)).refresh()
    again = await keeper(make(upstream.port, **settings)).current()
    assert again.kind == "cache"
    assert again.index.version == "8.4.5"


async def test_the_search_is_built_once_for_each_schema_and_kept_for_the_next_start(
    make: Callable[..., Gateway], node: Node, upstream: RawServer, tmp_path: Path
) -> None:
    settings = {"PROXMOX_APIDOC": "auto", "MCP_CACHE_DIR": str(tmp_path / "state")}
    first = keeper(make(upstream.port, **settings))
    searcher = await first.searcher()
    assert not searcher.was_stored
    assert await first.searcher() is searcher
    assert (await keeper(make(upstream.port, **settings)).searcher()).was_stored
    node.document = DOCUMENT
    await first.refresh()
    changed = await first.searcher()
    assert changed.index is (await first.current()).index is not searcher.index


async def kept(keeper: SchemaKeeper, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The versions for which a search is built when a server starts: prepared in a thread, beside ``keep``."""
    built: list[str] = []

    def watched(index: EndpointIndex, **given: Any) -> Searcher:
        built.append(index.version)
        return Searcher(index, **given)

    monkeypatch.setattr("proxmox_mcp.search.Searcher", watched)
    async with anyio.create_task_group() as group:
        group.start_soon(keeper.keep)
        await anyio.to_thread.run_sync(keeper.prepare)
        group.cancel_scope.cancel()
    return built


async def test_a_first_start_builds_one_search_that_of_the_node(
    make: Callable[..., Gateway], node: Node, upstream: RawServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.document = DOCUMENT
    settings = {"PROXMOX_APIDOC": "auto", "MCP_CACHE_DIR": str(tmp_path / "state")}
    assert await kept(keeper(make(upstream.port, **settings)), monkeypatch) == ["8.4.5"]


async def test_where_the_node_serves_no_schema_the_search_of_the_snapshot_is_built(
    make: Callable[..., Gateway], upstream: RawServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"PROXMOX_APIDOC": "auto", "MCP_CACHE_DIR": str(tmp_path / "state")}
    at_hand = keeper(make(upstream.port, **settings))
    built = await kept(at_hand, monkeypatch)
    assert built == [(await at_hand.current()).index.version]


async def test_a_search_does_not_wait_for_the_nodes_schema(
    make: Callable[..., Gateway], upstream: RawServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxmox_mcp.gateway.schema_source.NODES_FIRST", PATIENCE * 10)
    settings = {"PROXMOX_APIDOC": "auto", "MCP_CACHE_DIR": str(tmp_path / "state")}
    waiting = keeper(make(upstream.port, **settings))
    prepared, looked, is_kept = anyio.Event(), threading.Event(), SearchSource.is_kept

    def watched(source: SearchSource, index: EndpointIndex) -> bool:
        found = is_kept(source, index)
        looked.set()
        return found

    async def prepare() -> None:
        await anyio.to_thread.run_sync(waiting.prepare)
        prepared.set()

    monkeypatch.setattr(SearchSource, "is_kept", watched)
    async with anyio.create_task_group() as group:
        group.start_soon(prepare)  # Nobody has asked the node yet.
        await anyio.to_thread.run_sync(looked.wait, PATIENCE)
        assert (await waiting.searcher()).search("resize a disk")
        assert not prepared.is_set()
        group.start_soon(waiting.keep)
        with anyio.fail_after(PATIENCE):
            await prepared.wait()
        group.cancel_scope.cancel()


async def test_a_first_search_is_loaded_while_proxmox_is_asked_for_the_permissions(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = threading.Event()

    def watched(index: EndpointIndex, **given: Any) -> Searcher:
        searcher = Searcher(index, **given)
        loaded.set()
        return searcher

    monkeypatch.setattr("proxmox_mcp.search.Searcher", watched)
    cluster = gateway.clusters["default"]
    together: list[bool] = []

    async def permissions(*_: Any, **__: Any) -> Any:
        together.append(await anyio.to_thread.run_sync(loaded.wait, PATIENCE))
        return {"/": {"VM.Audit": 1}}

    monkeypatch.setattr(cluster.pve, "get", permissions)
    assert "resize" in await run_tool(gateway, "search_api", query="resize a disk")
    assert together == [True]


async def test_all_searches_open_the_cache_once(
    make: Callable[..., Gateway], upstream: RawServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[IndexStore] = []
    held = IndexStore.held

    def watched(store: IndexStore) -> AbstractContextManager[None]:
        opened.append(store)
        return held(store)

    monkeypatch.setattr(IndexStore, "held", watched)
    gateway = make(upstream.port, MCP_CACHE_DIR=str(tmp_path / "state"))
    for query in ("resize a disk", "back up a VM", "/nodes"):  # The first loads the search beside its own request.
        assert "/nodes" in await run_tool(gateway, "search_api", query=query)
    assert len(opened) == 1


async def test_building_the_search_leaves_the_event_loop_free(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []
    load = SearchSource.load

    def watched(source: SearchSource, index: EndpointIndex) -> Searcher:
        threads.append(threading.get_ident())
        return load(source, index)

    monkeypatch.setattr(SearchSource, "load", watched)
    await keeper(gateway).searcher()
    assert threads
    assert threading.get_ident() not in threads


async def test_a_node_that_serves_no_document_leaves_the_snapshot_of_its_release_in_force(gateway: Gateway) -> None:
    with pytest.raises(ApidocSourceError):
        await keeper(gateway).refresh()
    current = await keeper(gateway).current()
    assert (current.kind, current.index.version[:3], current.node_version) == ("bundled", "8.4", "8.4.5")


async def test_a_node_that_is_away_leaves_what_is_at_hand(make: Callable[..., Gateway]) -> None:
    away = make(1, PROXMOX_APIDOC="auto")
    with pytest.raises(UnreachableError):
        await keeper(away).refresh()
    assert (await keeper(away).current()).kind == "bundled"


async def test_an_endpoint_that_the_nodes_release_lacks_is_refused_with_since_when_there_is_one(
    gateway: Gateway,
) -> None:
    with pytest.raises(ApidocSourceError):
        await keeper(gateway).refresh()
    with pytest.raises(InvalidCallError, match=r"was added in 9\.1"):
        await gateway.call(Request(path=NEW_ENDPOINT))


async def test_a_node_that_was_upgraded_is_asked_before_a_call_is_refused(gateway: Gateway, node: Node) -> None:
    with pytest.raises(ApidocSourceError):
        await keeper(gateway).refresh()
    node.versions[""] = "9.1.7"
    assert await gateway.call(Request(path=NEW_ENDPOINT)) == "(an empty list)"


async def test_in_a_rolling_upgrade_each_node_is_judged_by_its_own_version(gateway: Gateway, node: Node) -> None:
    with pytest.raises(ApidocSourceError):
        await keeper(gateway).refresh()
    node.versions["pve2"] = "9.1.7"
    data = {"no-such-parameter": "1"}
    with pytest.raises(InvalidCallError):
        await gateway.call(Request(path="/nodes/pve1/tasks", data=data))
    with pytest.raises(ConfirmationNeededError, match="doesn't know this, but the node may"):
        await gateway.call(Request(path="/nodes/pve2/tasks", data=data))


async def test_before_the_node_was_asked_a_wrong_call_is_held_against_the_schema_of_its_release(
    gateway: Gateway,
) -> None:
    data = {"description": "x" * 10_000}
    with pytest.raises(InvalidCallError, match="10000 characters"):
        await gateway.call(Request(path="/nodes/pve1/qemu/100/config", method="PUT", data=data))


async def test_a_wrong_call_costs_one_question_for_the_version_in_a_minute(
    scripted: Callable[..., tuple[Any, Script]],
) -> None:
    cluster, script = scripted({"/version": {"version": "9.1.3"}})
    for _ in range(3):
        assert await cluster.schema.version_at("") == "9.1.3"
    assert script.paths == ["/version"]


async def test_a_schema_from_a_file_stays_in_force_whatever_the_node_says(
    upstream: RawServer, make: Callable[..., Gateway], tmp_path: Path
) -> None:
    (tmp_path / "apidoc.js").write_bytes(DOCUMENT)
    from_file = make(upstream.port, PROXMOX_APIDOC=str(tmp_path / "apidoc.js"))
    assert (await keeper(from_file).current()).kind == "file"
    current = await keeper(from_file).refresh()
    assert (current.kind, current.node_version) == ("file", "8.4.5")


async def test_while_a_url_gives_nothing_the_snapshot_is_in_force_and_then_what_the_url_gives(
    upstream: RawServer, node: Node, make: Callable[..., Gateway], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxmox_mcp.apidoc.source.fetch", lambda _, **__: node.document or _away())
    from_url = keeper(make(upstream.port, PROXMOX_APIDOC="https://127.0.0.1:1/apidoc.js"))
    at_first = await from_url.current()
    assert (at_first.kind, at_first.trouble) == ("bundled", "Away.")
    assert (await from_url.refresh()).index.version.startswith("8.4")
    node.document = DOCUMENT
    current = await from_url.refresh()
    assert (current.kind, current.node_version, len(current.index.endpoints)) == ("url", "8.4.5", 2)
    node.document = None
    node.versions[""] = "8.4.6"
    assert ((await from_url.refresh()).kind, (await from_url.current()).node_version) == ("url", "8.4.6")


def _away() -> bytes:
    raise ApidocSourceError("Away.")
