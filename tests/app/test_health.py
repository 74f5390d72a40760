from __future__ import annotations

import json
from typing import TYPE_CHECKING

from starlette.requests import Request

from proxmox_mcp.app.health import readiness
from proxmox_mcp.assembly import gateway_of
from proxmox_mcp.policy.caller import LOCAL, Caller
from proxmox_mcp.server.mcp_server import CALLER
from proxmox_mcp.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path


def test_a_caller_learns_the_reasons_of_the_clusters_that_it_may_use(tmp_path: Path) -> None:
    (tmp_path / "clusters.toml").write_text(
        "\n".join(f'[{name}]\nPROXMOX_HOST = "127.0.0.1:1"\nPROXMOX_APIDOC = "bundled"' for name in ("lab", "office"))
    )
    credentials = {"PROXMOX_USER": "mcp@pve", "PROXMOX_TOKEN_ID": "t1", "PROXMOX_PASSWORD": "a-secret-of-this-test"}
    files = {"MCP_CLUSTERS_FILE": str(tmp_path / "clusters.toml"), "MCP_CACHE_DIR": str(tmp_path / "state")}
    ready = readiness(gateway_of(load_settings({**credentials, **files})))

    def told(caller: Caller) -> list[str]:
        scope = {"type": "http", "path": "/readyz", "query_string": b"verbose", "headers": [], CALLER: caller}
        return list(json.loads(ready(Request(scope)).body)["clusters"])

    assert told(LOCAL) == ["lab", "office"]
    assert told(Caller(name="dev", clusters=frozenset({"lab"}))) == ["lab"]
