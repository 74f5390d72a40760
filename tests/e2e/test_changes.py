"""Changes and undo through real clients, and what a server that is killed leaves on record."""

from __future__ import annotations

import hashlib
import re
import signal
import ssl
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from clients import ERAS, Person, connect
from faults.proxy import Fault, Proxy
from faults.raw_clients import HttpClient
from in_process import serving_here
from patience import PATIENCE, eventually
from proxmox_mcp.demo import start_demo_cluster
from serving import CALLERS, TOKEN, callers_file, serving
from upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from in_process import Here
    from proxmox_mcp.demo import DemoCluster

pytestmark = pytest.mark.anyio

PLAN = "proxmox_api_plan"
VM = "/nodes/pve2/qemu/130"
CONFIG = f"{VM}/config"


@pytest.fixture(scope="module")
def cluster() -> Iterator[DemoCluster]:
    with start_demo_cluster(task_seconds=0.1) as demo:
        yield demo


@pytest.fixture
def beside(cluster: DemoCluster) -> Upstream:
    return Upstream(cluster)


@asynccontextmanager
async def server_of(demo: DemoCluster, directory: Path) -> AsyncIterator[Here]:
    """A server with callers."""
    (directory / "callers.toml").write_text(callers_file(ops="guarded", dev="guarded"))
    settings = {"MCP_STATE_DIR": str(directory / "durable"), "MCP_CALLERS_FILE": str(directory / "callers.toml")}
    async with serving_here(directory, **demo.environment, **settings) as here:
        yield here


def change_in(text: str) -> str:
    """The number of the change that an answer names last."""
    number: str = re.findall(r"[Cc]hange (\d+)", text)[-1]
    return number


@pytest.mark.parametrize("era", ERAS)
async def test_a_change_is_undone_and_done_again_and_only_by_whom_it_is(
    era: str, cluster: DemoCluster, beside: Upstream, tmp_path: Path
) -> None:
    def memory() -> str:
        return str(beside.call("GET", CONFIG)["memory"])

    before = memory()
    async with (
        server_of(cluster, tmp_path) as here,
        connect(here, "http", era, CALLERS["ops"], Person("accept")) as ops,
        connect(here, "http", era, CALLERS["dev"], Person("accept")) as dev,
    ):
        changed = await ops.make("PUT", CONFIG, {"memory": 3333})
        assert f"memory: {before} → 3333" in changed.text, changed
        number = change_in(changed.text)
        assert f"\nChange {number}, can be undone." in changed.text

        refused = await dev.call(PLAN, undo=number)
        assert refused.is_error
        assert f"There is no change {number}." in refused.text
        assert memory() == "3333"

        undone = await ops.call(PLAN, undo=number)
        assert not undone.is_error, undone
        assert memory() == before
        twice = await ops.call(PLAN, undo=number)
        assert twice.is_error
        by = re.search(r"was undone by change (\d+) already", twice.text)
        assert by is not None, twice

        again = await ops.call(PLAN, undo=by[1])
        assert not again.is_error, again
        assert memory() == "3333"
        await ops.call(PLAN, undo=number)
    assert memory() == before


async def test_what_was_changed_since_is_not_undone(cluster: DemoCluster, beside: Upstream, tmp_path: Path) -> None:
    before = beside.call("GET", CONFIG)["memory"]
    async with server_of(cluster, tmp_path) as here, connect(here, "http", "auto", CALLERS["ops"]) as ops:
        changed = await ops.make("PUT", CONFIG, {"memory": 3333})
        beside.config(VM, memory=4444)
        refused = await ops.call(PLAN, undo=change_in(changed.text))
    assert refused.is_error
    assert "was changed since: memory: 3333 → 4444" in refused.text
    assert str(beside.call("GET", CONFIG)["memory"]) == "4444"
    beside.config(VM, memory=before)


class Held:
    """Keeps writes of a guest's configuration from the cluster: on their way when their server is killed."""

    def __init__(self) -> None:
        self.arrived, self.go_on = threading.Event(), threading.Event()

    def __call__(self, connection: Any, ask: Callable[[], bytes]) -> None:
        del connection, ask
        self.arrived.set()
        self.go_on.wait(PATIENCE)


async def test_a_server_killed_while_it_sends_leaves_a_change_that_tells_how_to_find_out(
    cluster: DemoCluster, beside: Upstream, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    proxy, held = Proxy(cluster.port, certificate), Held()
    proxy.start()
    der = ssl.PEM_cert_to_DER_cert(certificate[0].read_text())
    way = {"PROXMOX_PORT": str(proxy.port), "PROXMOX_FINGERPRINT": hashlib.sha256(der).hexdigest()}
    settings = {**cluster.environment, **way, "MCP_AUTH_TOKEN": TOKEN, "MCP_STATE_DIR": str(tmp_path / "durable")}
    before = beside.call("GET", CONFIG)["memory"]

    try:
        with serving(tmp_path / "first", **settings) as first:
            client = HttpClient(first)
            client.initialize()
            proxy.fault = Fault(respond=held, when=lambda request: request.method == "PUT")
            client.call("proxmox_api_call", {"method": "PUT", "path": CONFIG, "data": {"memory": 5555}})
            await eventually(held.arrived.is_set)
            first.end(signal.SIGKILL)
            client.vanish()
        proxy.fault = Fault()
        with serving(tmp_path / "second", **settings) as second:
            shown = second.run("changes", "show", "1").stdout
            async with connect(second, "http", "auto") as session:
                refused = await session.call(PLAN, undo="1")
    finally:
        held.go_on.set()
        proxy.stop()
    assert f"Change 1: PUT {CONFIG}\n" in shown
    assert "outcome: unknown: the server ended before the answer came\n" in shown
    assert f"  proxmox-mcp call GET {CONFIG}\n" in shown
    assert f"  memory: before {before}, to be set to 5555\n" in shown
    assert refused.is_error
    assert "It is unknown whether change 1" in refused.text
    assert "proxmox-mcp changes show 1" in refused.text
    assert beside.call("GET", CONFIG)["memory"] == before
