"""The requests of one report: a few at a time, each answer kept by its path, and what did not come told as unread."""

# Tested through tests/proxmox/problems/test_examination.py.

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import anyio
from msgspec import Struct, field

from proxmox_mcp.errors import ProxmoxMcpError
from proxmox_mcp.proxmox.problems.model import Unread
from proxmox_mcp.proxmox.records import Record, records

if TYPE_CHECKING:
    from collections.abc import Iterable

    from proxmox_mcp.apidoc.model import Wire

Read = Callable[[str, "Wire"], Awaitable[Any]]
"""Gives the ``data`` of a GET. Raises ProxmoxMcpError."""

AT_A_TIME = 8
_LACKS = re.compile(r"Permission check failed \([^,()]{0,100}, ([A-Za-z.|]{1,100})\)")


class PlannedRead(Struct, frozen=True):
    """One GET: ``what`` it tells in words, ``of`` which node or storage."""

    path: str
    what: str
    of: str = ""
    params: Wire = field(default_factory=dict)


class Reads:
    """What was asked for and what came."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._wanted: dict[str, PlannedRead] = {}
        self._answers: dict[str, Any] = {}
        self._errors: dict[str, ProxmoxMcpError] = {}
        self._skipped: list[Unread] = []
        self._turns = anyio.CapacityLimiter(AT_A_TIME)

    async def all(self, wanted: Iterable[PlannedRead]) -> None:
        """Read several paths together; errors are kept."""
        asked = {each.path: each for each in wanted}
        self._wanted |= asked
        async with anyio.create_task_group() as group:
            for each in asked.values():
                group.start_soon(self._one, each)

    async def _one(self, wanted: PlannedRead) -> None:
        async with self._turns:
            try:
                self._answers[wanted.path] = await self._read(wanted.path, wanted.params)
            except ProxmoxMcpError as error:
                self._errors[wanted.path] = error

    def skip(self, wanted: PlannedRead, why: str) -> None:
        """Keep in mind that something is not even asked for."""
        self._skipped.append(Unread(wanted.what, wanted.of, wanted.path, why))

    def has(self, path: str) -> bool:
        """Whether an answer came."""
        return path in self._answers

    def error(self, path: str) -> ProxmoxMcpError | None:
        """Why no answer came, if that is known."""
        return self._errors.get(path)

    def records(self, path: str) -> list[Record]:
        """The objects of a list; empty where it did not come."""
        return records(self._answers.get(path))

    def unread(self) -> tuple[Unread, ...]:
        """What did not come, and what was not asked for."""
        missing = [each for path, each in self._wanted.items() if path not in self._answers]
        told = (Unread(each.what, each.of, each.path, _why(self._errors.get(each.path))) for each in missing)
        return (*told, *self._skipped)


def _why(error: ProxmoxMcpError | None) -> str:
    if error is None:
        return "no answer in time"
    if lacks := _LACKS.search(error.message):
        return f"lacks {lacks[1]}"  # The same for all nodes, so that a reader gets it once.
    return error.message.partition("\n")[0]
