from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.demo import DemoCluster


@pytest.fixture(scope="module")
def on_demo(cluster: DemoCluster) -> Mapping[str, str]:
    """The settings of commands on the demo cluster of a module, whose tasks take as long as its tests need."""
    return {**cluster.environment, "PROXMOX_APIDOC": "bundled"}
