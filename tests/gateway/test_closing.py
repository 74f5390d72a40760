"""What a gateway opens for its calls is closed with it, and opened again by the next call."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from in_process import serving_here
from patience import until
from proxmox_mcp.gateway import Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from proxmox.raw_server import RawServer
    from proxmox_mcp.gateway import Gateway

DESCRIPTORS = Path("/proc/self/fd")
pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not DESCRIPTORS.is_dir(), reason="looks into /proc"),
]
WRITE = Request(path="/nodes/pve1/qemu/101/config", method="PUT", data={"cores": 2})


def held(gateway: Gateway) -> list[str]:
    """Files of a gateway that this process has open."""
    assert gateway.guard.audit.path
    directory, found = str(gateway.guard.audit.path.parent), []
    for each in DESCRIPTORS.iterdir():
        try:
            found.append(str(each.readlink()))
        except FileNotFoundError:  # That of this very listing.
            continue
    return [name for name in found if name.startswith(directory)]


def writers() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name in ("activity", "audit-syslog")]


async def test_a_closed_gateway_holds_no_file_and_no_thread_until_its_next_call(
    recorder: RawServer, gateway_to: Callable[..., Gateway], tmp_path: Path
) -> None:
    gateway = gateway_to(recorder.port, MCP_AUDIT_SYSLOG=f"unix://{tmp_path}/nobody-listens")
    before = writers()
    for number in (1, 2):
        assert f"Change {number}" in await gateway.call(WRITE)
        assert {Path(name).name for name in held(gateway)} >= {"audit.jsonl", "state.sqlite"}
        assert len(writers()) == len(before) + 2
        await gateway.aclose()
        assert not held(gateway)
        assert writers() == before


async def test_a_server_closes_its_gateway_when_it_ends(recorder: RawServer, tmp_path: Path) -> None:
    settings = {"PROXMOX_HOST": f"127.0.0.1:{recorder.port}", "PROXMOX_USER": "mcp@pve", "PROXMOX_TOKEN_ID": "t1"}
    settings |= {"PROXMOX_PASSWORD": "x" * 36, "PROXMOX_APIDOC": "bundled", "MCP_AUTH_TOKEN": "t" * 40}
    before = writers()
    async with serving_here(tmp_path, **settings, MCP_AUDIT_FILE=str(tmp_path / "audit.jsonl")) as served:
        await served.gateway.call(WRITE)
        assert held(served.gateway)
        assert writers() != before
    # The search may still be read or kept in a thread that nothing can cancel.
    until(lambda: not held(served.gateway), lambda: str(held(served.gateway)))
    assert writers() == before
