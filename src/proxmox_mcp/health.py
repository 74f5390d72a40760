"""Asks the server of this container whether it lives: ``python -m proxmox_mcp.health [PORT]``.

The image's health check. It runs every half minute for as long as the server does, so it is the standard library alone.
"""

from __future__ import annotations

import http.client
import sys
from contextlib import closing


def alive(port: int, seconds: float = 4.0) -> bool:
    """Whether ``/livez`` on loopback answers 200 within ``seconds``; a refused or broken connection is a no."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)) as connection:
        try:
            connection.request("GET", "/livez")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False


if __name__ == "__main__":
    sys.exit(0 if alive(int(sys.argv[1]) if len(sys.argv) > 1 else 8000) else 1)
