"""A node with one container, whose terminal is a real shell under a real dtach."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from guests.node import Node
from tools import required

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    required("dtach")
    node = Node(tmp_path)
    await node.start()
    yield node
    await node.stop()
