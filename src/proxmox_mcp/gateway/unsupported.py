"""What JSON can't carry, and what to use in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxmox_mcp.errors import UnsupportedCallError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.apidoc.model import Endpoint

_UPLOAD = "Have the node fetch the file itself: POST .../storage/{storage}/download-url with url, content and filename."
_DOWNLOAD = "GET .../file-restore/list shows what a backup holds; restore single files in Proxmox's web interface."
_TUNNEL = "Proxmox opens it by itself: POST .../migrate or .../remote_migrate moves a guest."
_SCREEN = "Open the console in Proxmox's web interface. To run a command in a guest: POST .../qemu/{vmid}/agent/exec."


def reject_unsupported(endpoint: Endpoint, data: Mapping[str, object]) -> None:
    """Raise ``UnsupportedCallError``, naming what to use instead, for what JSON can't carry; else nothing.

    Uploads need multipart, websockets an upgrade; downloads answer with a file, as the log of a task does for
    ``download=1``.
    """
    name = f"{endpoint.method} {endpoint.path}"
    if endpoint.upload:
        raise UnsupportedCallError(f"{name} is an upload of a file, which can't go through here.", _UPLOAD)
    if endpoint.websocket:
        instead = _TUNNEL if "tunnel" in endpoint.path else _SCREEN
        raise UnsupportedCallError(f"{name} opens a websocket, which can't go through here.", instead)
    if endpoint.download:
        raise UnsupportedCallError(f"{name} answers with a file, which can't go through here.", _DOWNLOAD)
    if "download" in endpoint.parameters and data.get("download") == "1":
        raise UnsupportedCallError(
            f"With download=1, {name} answers with a file, which can't go through here.",
            "Leave download out and read the lines with start and limit.",
        )
