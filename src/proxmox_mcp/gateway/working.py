"""Work on large values in a thread, so that the others' calls go on meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import anyio.to_thread

from proxmox_mcp.bounds import is_large

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


async def off_the_loop(value: Any, work: Callable[..., T], *arguments: Any) -> T:
    """What ``work(*arguments)`` gives; in a worker thread where ``value``, which it works on, is large."""
    if is_large(value):
        return await anyio.to_thread.run_sync(work, *arguments)
    return work(*arguments)
