"""What JSON can't carry, and what to use in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxmox_mcp.errors import UnsupportedCallError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.apidoc.model import Endpoint

_LAST_SEGMENTS = {
    "upload": (
        "an upload of a file",
        "Have the node fetch the file itself: POST .../storage/{storage}/download-url with url, content and filename.",
    ),
    "vncwebsocket": (
        "a websocket for a screen",
        "Open the console in Proxmox's web interface. To run a command in a guest: POST .../qemu/{vmid}/agent/exec.",
    ),
    "mtunnelwebsocket": (
        "a websocket between two nodes",
        "Proxmox opens it by itself: POST .../migrate or .../remote_migrate moves a guest.",
    ),
}
_FILE_RESTORE = "/file-restore/download"


def reject_unsupported(endpoint: Endpoint, data: Mapping[str, object]) -> None:
    """Raise ``UnsupportedCallError``, naming what to use instead, for what JSON can't carry; else nothing.

    Uploads need multipart, websockets an upgrade; downloads (``download_allowed``) answer with a file.
    """
    last = endpoint.path.rpartition("/")[2]
    if last in _LAST_SEGMENTS:
        what, instead = _LAST_SEGMENTS[last]
        raise UnsupportedCallError(
            f"{endpoint.method} {endpoint.path} is {what}, which can't go through here.", instead
        )
    if endpoint.path.endswith(_FILE_RESTORE):
        raise UnsupportedCallError(
            f"{endpoint.method} {endpoint.path} answers with a file, which can't go through here.",
            "GET .../file-restore/list shows what a backup holds; restore single files in Proxmox's web interface.",
        )
    if endpoint.path.endswith(("/log", "/journal")) and data.get("download") == "1":
        raise UnsupportedCallError(
            f"With download=1, {endpoint.method} {endpoint.path} answers with a file, which can't go through here.",
            "Leave download out and read the lines with start and limit.",
        )
