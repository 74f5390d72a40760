"""A scripted Proxmox in its own process: HTTPS on loopback, always the same answers after the same delay.

``python -m benchmarks.upstream DELAY GUESTS`` prints its port, and serves until it is terminated. It has only what
benchmarks need: ``/version`` without delay, ``/cluster/resources`` after DELAY seconds, 404 for anything else.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import ssl
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from resources import resources

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = {"version": "9.1.9", "release": "9.1", "repoid": "0"}


def context() -> ssl.SSLContext:
    """TLS with a certificate made for this run."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        file.write(secret + certificate.public_bytes(pem))
        file.flush()
        made.load_cert_chain(Path(file.name))
    return made


def answer(data: object) -> bytes:
    body = json.dumps({"data": data}, separators=(",", ":")).encode()
    return _head("200 OK", len(body)) + body


def _head(status: str, length: int) -> bytes:
    lines = (f"HTTP/1.1 {status}", "Content-Type: application/json;charset=UTF-8", f"Content-Length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Upstream:
    """Answers by path; ``delays`` in seconds."""

    def __init__(self, answers: Mapping[str, bytes], delays: Mapping[str, float]) -> None:
        self._answers, self._delays = answers, delays

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, kept alive for as long as the client wants."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ", 2)[1].decode().partition("?")[0].removeprefix("/api2/json")
                await asyncio.sleep(self._delays.get(path, 0))
                writer.write(self._answers.get(path, _head("404 Not Found", 0)))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


async def main(delay: float, guests: int) -> None:
    found = resources(guests, nodes=3 if guests < 1000 else 20)
    upstream = Upstream(
        {"/version": answer(VERSION), "/cluster/resources": answer(found)}, {"/cluster/resources": delay}
    )
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0, ssl=context(), backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), int(sys.argv[2])))
