"""UPIDs, the ids of tasks: ``UPID:node:pid:pstart:starttime:type:id:user:``, the numbers in hex.

Source: ``PVE::Tools::upid_decode`` (pve-common). The types of storage daemons and guests have the same form.
"""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct

_UPID = re.compile(
    r"UPID:(?P<node>[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?):(?P<pid>[0-9A-Fa-f]{8}):(?P<pstart>[0-9A-Fa-f]{8,9}):"
    r"(?P<starttime>[0-9A-Fa-f]{8}):(?P<type>[^:\s]+):(?P<id>[^:\s]*):(?P<user>[^:\s]+):(?P<comment>[^:\s]*)"
)


class Upid(Struct, frozen=True):
    """A task by name. ``starttime`` is in seconds since 1970, by the clock of the node; ``id`` is often a VMID."""

    node: str
    pid: int
    pstart: int
    starttime: int
    type: str
    id: str
    user: str

    def __str__(self) -> str:
        numbers = f"{self.pid:08X}:{self.pstart:08X}:{self.starttime:08X}"
        return f"UPID:{self.node}:{numbers}:{self.type}:{self.id}:{self.user}:"


def parse_upid(text: str) -> Upid | None:
    """The task that a text names, None if it isn't a UPID."""
    found = _UPID.fullmatch(text.strip())
    if not found:
        return None
    return Upid(
        node=found["node"],
        pid=int(found["pid"], 16),
        pstart=int(found["pstart"], 16),
        starttime=int(found["starttime"], 16),
        type=found["type"],
        id=found["id"],
        user=found["user"],
    )


def is_upid(value: object) -> bool:
    """Whether a value is the id of a task."""
    return isinstance(value, str) and parse_upid(value) is not None


def find_upids(data: Any) -> tuple[str, ...]:
    """The tasks that an answer started: itself, or the members of a list (bulk actions). Records are not looked into:
    lists of tasks name theirs in fields, and the task behind a console ends only when somebody connects."""
    members = data if isinstance(data, list) else [data]
    return tuple(dict.fromkeys(member.strip() for member in members if is_upid(member)))
