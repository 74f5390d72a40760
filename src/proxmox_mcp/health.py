"""The health check of the container image: ``python -m proxmox_mcp.health [PORT]``.

It imports only the standard library, because it runs every 30 seconds and the SDK alone takes over a second of CPU.
"""

from __future__ import annotations

import http.client
import sys
from contextlib import closing


def alive(port: int, seconds: float = 4.0) -> bool:
    """Whether ``/livez`` on loopback answers 200 within ``seconds``; False if the connection fails."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)) as connection:
        try:
            connection.request("GET", "/livez")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False


if __name__ == "__main__":
    sys.exit(0 if alive(int(sys.argv[1]) if len(sys.argv) > 1 else 8000) else 1)
