"""Web servers on loopback that answer as a test needs."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@contextmanager
def serving(answer: Callable[[socket.socket], None], certificate: Path | None = None) -> Iterator[str]:
    """The address of a server that reads a request and then lets ``answer`` write what it likes."""
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, answer, context, ended))
        thread.start()
        port = listener.getsockname()[1]
        try:
            yield f"{'https' if context else 'http'}://127.0.0.1:{port}"
        finally:
            ended.set()
            socket.create_connection(("127.0.0.1", port)).close()
            thread.join()


def _serve(
    listener: socket.socket,
    answer: Callable[[socket.socket], None],
    context: ssl.SSLContext | None,
    ended: threading.Event,
) -> None:
    while True:
        connection, _ = listener.accept()
        with connection:
            if ended.is_set():
                return
            try:
                with context.wrap_socket(connection, server_side=True) if context else connection as channel:
                    if b"\r\n\r\n" in channel.recv(65536):
                        answer(channel)
            except OSError:
                continue  # the client went away, as many of these tests mean it to


def answering(body: bytes, *headers: str, status: str = "200 OK") -> Callable[[socket.socket], None]:
    """An answer with its length (unless a header gives another)."""
    lines = [f"HTTP/1.1 {status}", *headers]
    if not any(line.lower().startswith(("content-length", "transfer-encoding")) for line in headers):
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join([*lines, "Connection: close", "", ""]).encode()
    return lambda channel: channel.sendall(head + body)


def self_signed(path: Path) -> tuple[Path, str]:
    """A certificate for 127.0.0.1 with its key in one PEM file, and its SHA-256 fingerprint with colons."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pve.test")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path, certificate.fingerprint(hashes.SHA256()).hex(":").upper()
