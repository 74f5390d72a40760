"""A TLS connection for a protocol of its own (the websocket of a terminal), trusted as every other connection is."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import anyio
from anyio.streams.tls import TLSAttribute, TLSStream

from proxmox_mcp.net.failures import FailureKind, NotPinnedError, RequestFailedError, classify
from proxmox_mcp.net.tls import colons, fingerprint

if TYPE_CHECKING:
    from proxmox_mcp.net.address import HostPort
    from proxmox_mcp.net.tls import TlsPolicy


async def open_tls_stream(host: HostPort, tls: TlsPolicy, *, seconds: float) -> TLSStream:
    """Connect, shake hands and check the certificate. Nothing was sent on it yet. Raises RequestFailedError."""
    try:
        with anyio.fail_after(seconds):
            plain = await anyio.connect_tcp(host.host, host.port)
            try:
                stream = await TLSStream.wrap(
                    plain, hostname=host.host, ssl_context=tls.context(), standard_compatible=False
                )
            except BaseException:
                await anyio.aclose_forcefully(plain)
                raise
    except TimeoutError:  # Its context is what the handshake waited for, which says nothing.
        raise RequestFailedError(FailureKind.CONNECT_TIMEOUT) from None
    except anyio.EndOfStream:
        raise RequestFailedError(FailureKind.CLOSED_IN_HANDSHAKE) from None
    except (OSError, ssl.SSLError, anyio.BrokenResourceError, UnicodeError) as error:
        raise classify(error) from None
    certificate = stream.extra(TLSAttribute.peer_certificate_binary) or b""  # noqa: S610
    if not tls.accepts(certificate):
        await anyio.aclose_forcefully(stream)
        raise classify(NotPinnedError(colons(fingerprint(certificate))))
    return stream
