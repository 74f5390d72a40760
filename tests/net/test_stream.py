"""A TLS connection for a protocol of its own: the same trust as for every request, and the same failures."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest

from proxmox_mcp.net.address import HostPort
from proxmox_mcp.net.failures import FailureKind, RequestFailedError
from proxmox_mcp.net.stream import open_tls_stream
from proxmox_mcp.net.tls import TlsPolicy, fingerprint
from serving import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["tls", "plain", "closes"])
async def server(request: pytest.FixtureRequest, certificate: tuple[Path, Path]) -> AsyncIterator[tuple[str, HostPort]]:
    received = bytearray()

    async def echo(reader: Any, writer: Any) -> None:
        if request.param == "plain":
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        elif request.param == "tls":
            with contextlib.suppress(ConnectionError):  # A client that does not like the certificate goes.
                received.extend(await reader.read(100))
                writer.write(bytes(received))
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    listening = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=context if request.param == "tls" else None)
    yield request.param, HostPort("127.0.0.1", listening.sockets[0].getsockname()[1])
    listening.close()


def pin_of(certificate: tuple[Path, Path]) -> str:
    return fingerprint(ssl.PEM_cert_to_DER_cert(certificate[0].read_text()))


async def test_what_is_pinned_is_talked_to_and_nothing_else(
    server: tuple[str, HostPort], certificate: tuple[Path, Path]
) -> None:
    kind, host = server
    if kind != "tls":
        with pytest.raises(RequestFailedError) as failed:
            await open_tls_stream(host, TlsPolicy(verify=False), seconds=30)
        expected = {"plain": FailureKind.NOT_TLS, "closes": FailureKind.CLOSED_IN_HANDSHAKE}
        assert failed.value.kind is expected[kind]
        assert not failed.value.sent
        return
    async with await open_tls_stream(host, TlsPolicy(fingerprints=(pin_of(certificate),)), seconds=30) as stream:
        await stream.send(b"hello")
        assert await stream.receive() == b"hello"
    with pytest.raises(RequestFailedError) as failed:
        await open_tls_stream(host, TlsPolicy(fingerprints=("ab" * 32,)), seconds=30)
    assert failed.value.kind is FailureKind.NOT_PINNED
    with pytest.raises(RequestFailedError) as failed:
        await open_tls_stream(host, TlsPolicy(verify=True), seconds=30)
    assert failed.value.kind is FailureKind.NOT_TRUSTED


async def test_a_host_that_is_not_there_is_told() -> None:
    with pytest.raises(RequestFailedError) as failed:
        await open_tls_stream(HostPort("127.0.0.1", free_port()), TlsPolicy(), seconds=30)
    assert failed.value.kind is FailureKind.REFUSED


async def test_a_host_that_never_answers_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        host = HostPort("127.0.0.1", mute.getsockname()[1])
        with pytest.raises(RequestFailedError) as failed:
            await open_tls_stream(host, TlsPolicy(verify=False), seconds=0.3)
    assert failed.value.kind is FailureKind.CONNECT_TIMEOUT
