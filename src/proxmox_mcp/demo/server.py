"""The server of the demo as a process: ``python -m proxmox_mcp.demo.server``.

It serves as ``proxmox-mcp serve`` does, keeps its state in a directory of its own that goes when it ends, and ends with
the process that started it.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from pathlib import Path

from proxmox_mcp.demo.lifetime import unwinding_when_told_to_end, when_parent_ends
from proxmox_mcp.errors import ProxmoxMcpError


def main() -> None:
    """Serve until the starter ends, or SIGTERM."""
    when_parent_ends(lambda: signal.raise_signal(signal.SIGTERM))
    with unwinding_when_told_to_end(), tempfile.TemporaryDirectory(prefix="proxmox-mcp-") as directory:
        from proxmox_mcp.app.serving import serve
        from proxmox_mcp.settings import load_settings

        state = {"MCP_CACHE_DIR": directory, "MCP_AUDIT_FILE": str(Path(directory) / "audit.jsonl")}
        try:
            serve(load_settings({**os.environ, **state}))
        except ProxmoxMcpError as error:
            sys.exit(f"{error.message}\n{error.advice}".rstrip())


if __name__ == "__main__":
    main()
