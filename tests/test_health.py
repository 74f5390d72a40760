"""The image's health check."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from proxmox.raw_server import Request, reply, serving
from proxmox_mcp.health import alive

if TYPE_CHECKING:
    import socket


def test_a_server_that_answers_livez_lives() -> None:
    with serving(reply(body=b"ok"), None) as server:
        assert alive(server.port)
    assert [request.target for request in server.requests] == ["/livez"]


def test_a_server_that_answers_with_an_error_does_not() -> None:
    with serving(reply(status=503, reason="Service Unavailable"), None) as server:
        assert not alive(server.port)


def test_a_port_where_nothing_listens_does_not() -> None:
    with serving(b"", None) as server:
        port = server.port
    assert not alive(port)


def test_a_server_that_says_something_else_does_not() -> None:
    with serving(b"SSH-2.0-OpenSSH_9.2\r\n", None) as server:
        assert not alive(server.port)


def test_a_server_that_hangs_does_not() -> None:
    def silent(_: Request, __: socket.socket) -> None:
        server.wait(5)

    with serving(silent, None) as server:
        assert not alive(server.port, seconds=0.2)


def test_as_a_program_it_tells_by_its_status_and_takes_the_port_as_argument() -> None:
    command = [sys.executable, "-m", "proxmox_mcp.health"]
    with serving(reply(body=b"ok"), None) as server:
        assert subprocess.run([*command, str(server.port)], check=False).returncode == 0
    assert subprocess.run([*command, str(server.port)], check=False).returncode == 1


def test_it_imports_nothing_but_the_standard_library() -> None:
    said = "import sys, proxmox_mcp.health; print(*{m.split('.')[0] for m in sys.modules} - sys.stdlib_module_names)"
    finished = subprocess.run([sys.executable, "-I", "-S", "-c", said], capture_output=True, text=True, check=False)
    if finished.returncode:  # not installed outside site-packages: the path of this checkout
        said = f"import sys; sys.path.insert(0, 'src'); {said}"
        finished = subprocess.run([sys.executable, "-S", "-c", said], capture_output=True, text=True, check=True)
    assert set(finished.stdout.split()) <= {"proxmox_mcp", "__main__"}
