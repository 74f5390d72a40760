"""Starts and ends the demo cluster, which runs in its own process (``launcher``).

fakepve is AGPL software, so no other process of this project imports it.
"""

# Tested through tests/demo/test_cluster.py.

from __future__ import annotations

import json
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING

from proxmox_mcp.demo.child_process import end_child, start_child
from proxmox_mcp.errors import SettingsError
from proxmox_mcp.installation import install_command

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MODULE = "proxmox_mcp.demo.launcher"
_IMPORT_ROOT = Path(__file__).parents[2]
_MISSING = 3
_START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class DemoCluster:
    """A running demo cluster: its address and credentials.

    ``token_id`` and ``secret`` are a token of ``user``; ``tokens`` maps full token ids to secrets, from root's to one
    without privileges (``guest@pve!mcp``). ``fingerprint`` is the SHA-256 of the certificate.
    """

    host: str
    port: int
    user: str
    token_id: str
    secret: str = field(repr=False)
    password: str = field(repr=False)
    fingerprint: str
    tokens: Mapping[str, str] = field(repr=False)
    process: subprocess.Popen[str] = field(repr=False)

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables of a server for this cluster, with its certificate pinned."""
        return {
            "PROXMOX_HOST": self.host,
            "PROXMOX_PORT": str(self.port),
            "PROXMOX_USER": self.user,
            "PROXMOX_TOKEN_ID": self.token_id,
            "PROXMOX_PASSWORD": self.secret,
            "PROXMOX_FINGERPRINT": self.fingerprint,
        }


@contextmanager
def start_demo_cluster(
    *, port: int = 0, task_seconds: float = 2.0, apidoc: Path | None = None
) -> Iterator[DemoCluster]:
    """A demo cluster on loopback, within a ``with`` block.

    ``port`` 0 takes a free one; a clone, a migration or a backup takes ``task_seconds``; ``apidoc`` is the document to
    serve as a node does (by default fakepve's own schema). Raises SettingsError if fakepve is not installed or the
    process does not start.
    """
    arguments = ["--until-stdin-closes", f"--port={port}", f"--task-seconds={task_seconds}"]
    if apidoc is not None:
        arguments.append(f"--apidoc={apidoc.resolve()}")
    with tempfile.TemporaryFile("w+") as complaints:
        process = start_child(
            _MODULE, *arguments, cwd=_IMPORT_ROOT, stdout=subprocess.PIPE, stderr=complaints, text=True
        )
        try:
            line = _first_line(process)
            if not line:
                complaints.seek(0)
                raise _not_started(process, complaints.read())
            yield _cluster(json.loads(line), process)
        finally:
            end_child(process)


def _first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None  # noqa: S101 - Popen was given a pipe
    deadline = Timer(_START_SECONDS, process.kill)
    # Ctrl-C may arrive in start(), once the thread runs: unless it is a daemon, it would hold the command up.
    deadline.daemon = True
    try:
        deadline.start()
        return process.stdout.readline()
    finally:
        deadline.cancel()


def _not_started(process: subprocess.Popen[str], complaints: str) -> SettingsError:
    status = process.wait()
    if status == _MISSING:
        return SettingsError(
            "The demo cluster needs fakepve, which is not installed.",
            f"Install it with:\n  {install_command('demo')}",
        )
    last = complaints.strip().rpartition("\n")[2]
    return SettingsError(
        f"The demo cluster did not start (status {status}): {last or 'no message'}",
        f"If a package is missing, install the demo again:\n  {install_command('demo')}",
    )


def _cluster(ready: dict[str, object], process: subprocess.Popen[str]) -> DemoCluster:
    tokens = ready["tokens"]
    assert isinstance(tokens, dict)  # noqa: S101 - the launcher's own line
    user = str(ready["user"])
    return DemoCluster(
        host=str(ready["host"]),
        port=int(str(ready["port"])),
        user=user,
        token_id="mcp",  # noqa: S106 - a name
        secret=tokens[f"{user}!mcp"],
        password=str(ready["password"]),
        fingerprint=str(ready["fingerprint"]),
        tokens=tokens,
        process=process,
    )
