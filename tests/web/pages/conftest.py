"""A console with a cluster: a demo cluster for all pages, and a console for each module of them."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio
import pytest

from console_site import Site, served
from demo_api import Api
from proxmox_mcp.app.people import ConsoleOnly
from proxmox_mcp.assembly import gateway_of
from proxmox_mcp.demo import DemoCluster, start_demo_cluster
from proxmox_mcp.gateway import Gateway, Request
from proxmox_mcp.settings import load_settings
from proxmox_mcp.web import FrontPages, Passwords, console_of, make_console
from web.conftest import nothing_else

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class ClusterSite(Site):
    """A console over the gateway to a demo cluster, and that cluster past them."""

    gateway: Gateway
    api: Api

    def write(self, method: str, path: str, **data: object) -> int:
        """Make a call as a client would, without being asked; the number of its change."""
        assert self.gateway.changes is not None
        anyio.run(self.gateway.call, Request(path=path, method=method, data=data))
        return self.gateway.changes.listed(most=1)[0].number


@pytest.fixture(scope="session")
def demo() -> Iterator[DemoCluster]:
    """A clone does not end before the tests do, however slow the machine is; a snapshot ends at once."""
    with start_demo_cluster(task_seconds=3600) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def cluster_site(demo: DemoCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterSite]:
    directory = str(tmp_path_factory.mktemp("console"))
    given = {"MCP_STATE_DIR": directory, "MCP_CACHE_DIR": directory, "MCP_MODE": "full", "PROXMOX_APIDOC": "bundled"}
    read = load_settings({**demo.environment, **given})
    gateway = gateway_of(read)
    console = console_of(read, gateway, Passwords(""))
    front = FrontPages(healthy=lambda: True, console=True, asks_token=True)
    with closing(gateway.guard), served(ConsoleOnly(nothing_else, front, make_console(console), ())) as port:
        yield ClusterSite(console, port, gateway, Api(demo))
