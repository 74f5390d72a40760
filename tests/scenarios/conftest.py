"""One demo cluster and one server for each file of scenarios: they change what they work on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxmox_mcp.demo import start_demo_cluster
from serving import TOKEN, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from serving import Served


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with start_demo_cluster(task_seconds=0.3) as demo:
        settings = {**demo.environment, "MCP_AUTH_TOKEN": TOKEN}
        with serving(tmp_path_factory.mktemp("scenarios"), **settings) as server:
            server.wait_for_the_schema()  # what is answered depends on whose schema is in force
            yield server
