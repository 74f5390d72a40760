from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxmox_mcp.apidoc import load_index
from proxmox_mcp.errors import UnsupportedCallError
from proxmox_mcp.gateway.check import reject_unsupported

if TYPE_CHECKING:
    from proxmox_mcp.apidoc.model import Endpoint

INDEX = load_index("9.1")
ENDPOINTS: dict[tuple[str, str], Endpoint] = {(e.method, e.path): e for e in INDEX.endpoints}
STORAGE = "/nodes/{node}/storage/{storage}"


@pytest.mark.parametrize(
    ("method", "path", "instead"),
    [
        ("POST", f"{STORAGE}/upload", "download-url"),
        ("GET", "/nodes/{node}/qemu/{vmid}/vncwebsocket", "agent/exec"),
        ("GET", "/nodes/{node}/vncwebsocket", "web interface"),
        ("GET", "/nodes/{node}/lxc/{vmid}/mtunnelwebsocket", "migrate"),
        ("GET", f"{STORAGE}/file-restore/download", "file-restore/list"),
    ],
)
def test_what_json_can_not_carry_is_refused_with_what_to_use_instead(method: str, path: str, instead: str) -> None:
    with pytest.raises(UnsupportedCallError) as caught:
        reject_unsupported(ENDPOINTS[method, path], {})
    assert instead in caught.value.advice


def test_a_log_is_read_as_lines_and_not_downloaded() -> None:
    log = ENDPOINTS["GET", "/nodes/{node}/tasks/{upid}/log"]
    reject_unsupported(log, {"start": "0", "download": "0"})
    with pytest.raises(UnsupportedCallError):
        reject_unsupported(log, {"download": "1"})


def test_all_other_endpoints_go_through() -> None:
    refused = set()
    for key, endpoint in ENDPOINTS.items():
        try:
            reject_unsupported(endpoint, {})
        except UnsupportedCallError:
            refused.add(key)
    assert len(refused) == 7
