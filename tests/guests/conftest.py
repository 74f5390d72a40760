"""A node with one container, whose terminal is a real shell under a real dtach."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from guests.https_node import HttpsNode
from guests.node import Node
from patience import eventually
from proxmox_mcp.guests import script
from tools import required

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from guests.container import Clean


PLACES = ("/dev/shm", "/run", "/tmp", "/var/tmp")
"""Where a script looks for room."""


@pytest.fixture(autouse=True)
def directories(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Names of the directories that scripts of the test make in the guest, which is this machine. What is left of them
    by a script that was killed goes with the test."""
    made: list[str] = []
    make = script.Nonces.make

    def recorded() -> script.Nonces:
        nonces = make()
        made.append(f".{nonces.directory}")
        return nonces

    monkeypatch.setattr(script.Nonces, "make", recorded)
    yield made
    for name in made:
        for place in PLACES:
            shutil.rmtree(Path(place) / name, ignore_errors=True)


@pytest.fixture
def clean(directories: list[str]) -> Clean:
    """Looks, within the patience of a test, that no process, no file and no history of ours is in the container."""

    async def look(node: Node) -> None:
        await eventually(lambda: not node.left_over, lambda: f"the end of {node.left_over}")
        places = [Path(place) / name for name in directories for place in PLACES]
        assert directories
        assert [place for place in [*node.home.iterdir(), *places] if place.exists()] == []

    return look


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
