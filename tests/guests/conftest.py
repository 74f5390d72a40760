"""A node with one container, whose terminal is a real shell under a real dtach."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from guests.https_node import HttpsNode
from guests.node import Node
from proxmox_mcp.guests import script
from tools import required

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def directories(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the directories that scripts of the test make in the guest, which is this machine."""
    made: list[str] = []
    make = script.Nonces.make

    def recorded() -> script.Nonces:
        nonces = make()
        made.append(f".{nonces.directory}")
        return nonces

    monkeypatch.setattr(script.Nonces, "make", recorded)
    return made


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    required("dtach")
    node = Node(tmp_path)
    await node.start()
    yield node
    await node.stop()


@pytest.fixture
async def cluster(tmp_path: Path, certificate: tuple[Path, Path]) -> AsyncIterator[HttpsNode]:
    """The same node over HTTPS, as a server reaches it."""
    required("dtach")
    node = HttpsNode(tmp_path, certificate=certificate)
    await node.start()
    yield node
    await node.stop()
