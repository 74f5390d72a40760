"""The demo server as a process: ``python -m proxmox_mcp.demo.server``.

It serves like ``proxmox-mcp serve``, keeps its state in a temporary directory, and ends with its parent process.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from pathlib import Path

from proxmox_mcp.demo.child_process import exiting_on_signals, when_parent_ends
from proxmox_mcp.errors import ProxmoxMcpError


def main() -> None:
    """Serve until the parent process ends, or SIGTERM."""
    when_parent_ends(lambda: signal.raise_signal(signal.SIGTERM))
    with exiting_on_signals(), tempfile.TemporaryDirectory(prefix="proxmox-mcp-") as directory:
        # 1.3 s of CPU to import, within which the parent may end: its handler has to be set first.
        from proxmox_mcp.app.serving import serve
        from proxmox_mcp.settings import load_settings

        state = {"MCP_CACHE_DIR": directory, "MCP_AUDIT_FILE": str(Path(directory) / "audit.jsonl")}
        try:
            serve(load_settings({**os.environ, **state}))
        except ProxmoxMcpError as error:
            sys.exit(f"{error.message}\n{error.advice}".rstrip())


if __name__ == "__main__":
    main()
