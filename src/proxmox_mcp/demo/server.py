"""The demo server as a process: ``python -m proxmox_mcp.demo.server``.

It serves like ``proxmox-mcp serve``, keeps its state in a temporary directory, and ends with its parent process. The
parent names that directory in ``DEMO_DIRECTORY``, to make a link to the console there.
"""

# Tested through tests/demo/test_command.py.

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from proxmox_mcp.demo.child_process import exiting_on_signals, when_parent_ends
from proxmox_mcp.errors import ProxmoxMcpError

if TYPE_CHECKING:
    from collections.abc import Iterator


DIRECTORY = "DEMO_DIRECTORY"
"""The variable that names the directory, which must not exist yet."""
STATE = "state"
"""The directory of the server's state within it."""
POLICY = """\
[[rule]]
verdict = "confirm"
by = "person"
path = "/nodes/{node}/status"
method = "POST"
reason = "a node is shut down or rebooted only with a yes from the console"
"""


@contextmanager
def _directory() -> Iterator[Path]:
    """A private directory that is removed at the end."""
    if not (named := os.environ.get(DIRECTORY)):
        with tempfile.TemporaryDirectory(prefix="proxmox-mcp-") as made:
            yield Path(made)
        return
    directory = Path(named)
    directory.mkdir(mode=0o700)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def main() -> None:
    """Serve until the parent process ends, or SIGTERM."""
    when_parent_ends(lambda: signal.raise_signal(signal.SIGTERM))
    with exiting_on_signals(), _directory() as directory:
        # 1.3 s of CPU to import, within which the parent may end: its handler has to be set first.
        from proxmox_mcp.app.serving import serve
        from proxmox_mcp.settings import load_settings

        policy = directory / "policy.toml"
        policy.write_text(POLICY, encoding="utf-8")
        files = {"MCP_AUDIT_FILE": directory / "audit.jsonl", "MCP_POLICY_FILE": policy}
        state = {"MCP_CACHE_DIR": directory, "MCP_STATE_DIR": directory / STATE, **files}
        try:
            serve(load_settings({**os.environ, **{name: str(path) for name, path in state.items()}}))
        except ProxmoxMcpError as error:
            sys.exit(f"{error.message}\n{error.advice}".rstrip())


if __name__ == "__main__":
    main()
