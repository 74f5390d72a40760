"""Commands of ours within the test's own process: the same code from ``main`` on, without the start of a Python.

A command takes most of a second as a process of its own. ``serving.run`` starts one, for what only a process shows:
signals, several at the same time, what is imported at the start.
"""

from __future__ import annotations

import atexit
import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from proxmox_mcp import cli
from proxmox_mcp.record.activity import ActivityLog
from serving import environment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

UNREACHABLE = {
    "PROXMOX_HOST": "127.0.0.1:1",
    "PROXMOX_USER": "mcp@pve",
    "PROXMOX_TOKEN_ID": "mcp",
    "PROXMOX_PASSWORD": "11111111-2222-3333-4444-555555555555",
    "PROXMOX_APIDOC": "bundled",
}
"""Complete settings, of a node that nothing answers for."""


def run_here(directory: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """A command of ours, to its end, with the environment that ``serving.run`` would give it."""
    out, err = io.StringIO(), io.StringIO()
    status: object = 0
    at_the_end: list[Callable[[], object]] = []
    registered = atexit.register

    def register(function: Callable[..., object], *arguments: Any, **more: Any) -> Callable[..., object]:
        if isinstance(getattr(function, "__self__", None), ActivityLog):
            at_the_end.append(function)
        return registered(function, *arguments, **more)

    with (
        patch.object(atexit, "register", register),
        patch.dict(os.environ, environment(directory, **settings), clear=True),
        patch.object(sys, "argv", ["proxmox-mcp", *arguments]),
        patch.object(sys, "stdin", io.StringIO()),
        patch.object(cli.startup, "begin"),  # It changes how often this process collects garbage.
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            cli.main()
        except SystemExit as ended:
            status = ended.code
        for function in at_the_end:  # the activity is written where the process of a command ends
            function()
    return subprocess.CompletedProcess(arguments, int(status or 0), out.getvalue(), err.getvalue())  # type: ignore[call-overload]
