"""Imports what a server imports, then forks a process for each command that it is sent (``forked``): run as a program.

Its first argument is the number of a socket whose messages are whole. A command comes with the descriptors that are to
be its standard input, output and error; what goes back is the number of its process, and later its exit status.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
import threading
import time
from importlib import import_module

# What ``serve`` imports at once, and what it imports with its first calls.
IMPORTED = (
    "proxmox_mcp.cli",
    "proxmox_mcp.app.serving",
    "proxmox_mcp.search",
    "proxmox_mcp.apidoc.validation.checker",
    "proxmox_mcp.proxmox.login",
    "proxmox_mcp.store.migrations",
    "proxmox_mcp.store.databases",
    "sqlalchemy.dialects.sqlite",
    "proxmoxer",
)
LARGEST = 100_000
"""Bytes of a message."""


def become_a_command(channel: socket.socket) -> None:
    """Returns in each process that is to run a command, and never in the one that forks them."""

    def tell_ends(*_: object) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            channel.send(json.dumps({"ended": pid, "status": os.waitstatus_to_exitcode(status)}).encode())

    signal.signal(signal.SIGCHLD, tell_ends)
    while True:
        message, descriptors, _, _ = socket.recv_fds(channel, LARGEST, 3)
        if not message:
            sys.exit(0)
        if pid := os.fork():
            channel.send(json.dumps({"started": pid}).encode())
            for each in descriptors:
                os.close(each)
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number, each in enumerate(descriptors):
            os.dup2(each, number)
            os.close(each)
        command = json.loads(message)
        os.chdir(command["directory"])
        os.environ.clear()
        os.environ.update(command["environment"])
        time.tzset()
        sys.argv[1:] = command["arguments"]
        return


def main() -> None:
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        for each in IMPORTED:
            import_module(each)
        assert threading.active_count() == 1, "a process with threads can't be forked"
        gc.freeze()
        become_a_command(channel)
    from proxmox_mcp.cli import main as run

    run()


if __name__ == "__main__":
    main()
