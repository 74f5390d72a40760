"""One demo cluster and a few servers, shared by all tests that go through real clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxmox_mcp.demo import DemoCluster, start_demo_cluster
from serving import TOKEN, Served, serving

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def demo() -> Iterator[DemoCluster]:
    """The cluster that all of them work on; a copying task takes 0.4 seconds."""
    with start_demo_cluster(task_seconds=0.4) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def on_demo(demo: DemoCluster) -> dict[str, str]:
    """The settings of a server on the demo cluster, behind a token."""
    return {**demo.environment, "MCP_AUTH_TOKEN": TOKEN}


@pytest.fixture(scope="session")
def server(on_demo: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The plain server: ``guarded``, with an audit file."""
    directory = tmp_path_factory.mktemp("server")
    with serving(directory, **on_demo, MCP_AUDIT_FILE=str(directory / "audit.jsonl")) as served:
        yield served
