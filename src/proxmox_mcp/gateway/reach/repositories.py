"""The repository that a call names by its place in a file: another may be there once somebody has confirmed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxmox_mcp.confirm.subjects import Subject
from proxmox_mcp.errors import ProxmoxError
from proxmox_mcp.gateway.reach.found import Reached
from proxmox_mcp.policy.values import number, texts
from proxmox_mcp.proxmox.records import records

if TYPE_CHECKING:
    from proxmox_mcp.gateway.live_state import LiveState

_TOLD = ("Types", "URIs", "Suites", "Components", "Enabled")


async def of_repository(live: LiveState) -> Reached:
    """What the repository at this place is, as ``PVE::API2::APT::repositories`` lists it."""
    data = live.call.data
    path, index = "".join(texts(data.get("path"))), number("".join(texts(data.get("index"))))
    name = f"{path} #{index}"
    try:
        answer = await live.read(live.call.path.encoded.partition("?")[0])
    except ProxmoxError as error:
        return Reached((Subject(kind="repository", id=name, unread=error.message),))
    files = records(answer.get("files")) if isinstance(answer, dict) else []
    listed = next((records(each.get("repositories")) for each in files if each.get("path") == path), [])
    if not index.isdecimal() or int(index) >= len(listed):
        return Reached((Subject(kind="repository", id=name, unread="there is none at this place"),))
    entry = listed[int(index)]
    said = {part: " ".join(texts(entry.get(part))) for part in _TOLD}
    return Reached((Subject(kind="repository", id=name, identity=said),))
