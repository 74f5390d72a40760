"""Why a request failed, as one exception with a kind: read from those of requests, urllib3, http.client and ssl.

The message for people depends on what was requested, so the sender of the request writes it (``proxmox``, ``apidoc``,
``doctor``). Nothing here reaches a user unchanged.
"""

# Tested through tests/net/test_client.py, tests/net/test_stream.py and tests/proxmox/test_connection_errors.py.

from __future__ import annotations

import enum
import socket
import ssl
from typing import TYPE_CHECKING

import requests
import urllib3

if TYPE_CHECKING:
    from collections.abc import Iterator


class FailureKind(enum.Enum):
    """What failed; the value says it in a few words."""

    UNKNOWN_NAME = "the name can't be resolved"
    REFUSED = "the connection is refused"
    UNREACHABLE = "no connection"
    CONNECT_TIMEOUT = "no connection in time"
    CLOSED_IN_HANDSHAKE = "the connection was closed during the TLS handshake"
    NOT_TLS = "the server does not speak TLS"
    HANDSHAKE = "the TLS handshake failed"
    NOT_PINNED = "another certificate than the pinned one"
    NOT_TRUSTED = "the certificate is not trusted"
    WRONG_NAME = "the certificate is for other names"
    NOT_VALID_NOW = "the certificate has expired or is not valid yet"
    DEADLINE = "the response was not complete in time"
    SILENT = "no response in time"
    CLOSED = "the connection was closed before the response"
    CUT_OFF = "the response was cut off"
    NOT_HTTP = "the response is not HTTP"
    NOT_DECODABLE = "the response can't be decompressed"
    TOO_LARGE = "the response is too large"


_TIMEOUTS = frozenset({FailureKind.CONNECT_TIMEOUT, FailureKind.DEADLINE, FailureKind.SILENT})


class RequestFailedError(Exception):
    """A request that got no complete response. ``sent``: the server may have received it. ``kept``: its connection was
    kept from a request before.

    ``detail`` is the certificate's SHA-256 fingerprint (colons) with NOT_PINNED, else what the system or OpenSSL says.
    """

    def __init__(self, kind: FailureKind, detail: str = "", *, sent: bool = False, kept: bool = False) -> None:
        super().__init__(kind, detail)
        self.kind = kind
        self.detail = detail
        self.sent = sent
        self.kept = kept

    @property
    def timed_out(self) -> bool:
        return self.kind in _TIMEOUTS


class NotPinnedError(ssl.SSLError):
    """The certificate is not one of the pinned ones. The message is the fingerprint that the server showed."""


def classify(
    error: Exception, *, deadline_passed: bool = False, sent: bool = False, answered: bool = False, kept: bool = False
) -> RequestFailedError:
    """``sent``: the request went out, at least in part, over a connection that was ``kept`` from one before or not;
    ``answered``: the head of the response came."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, NotPinnedError):
            return RequestFailedError(FailureKind.NOT_PINNED, str(cause.args[0]))
    if deadline_passed:
        return RequestFailedError(FailureKind.DEADLINE, sent=sent)
    if sent:
        kind = _after_sending(causes, answered=answered)
        return RequestFailedError(kind, _system_message(causes), sent=True, kept=kept)
    return _before_sending(causes)


def _before_sending(causes: list[BaseException]) -> RequestFailedError:
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _not_trusted(cause)
        if isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return RequestFailedError(FailureKind.CLOSED_IN_HANDSHAKE)
        if isinstance(cause, ssl.SSLError):
            if cause.reason in {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL"}:
                return RequestFailedError(FailureKind.NOT_TLS, cause.reason)
            return RequestFailedError(FailureKind.HANDSHAKE, str(cause.reason or cause))
        if isinstance(cause, socket.gaierror):
            return RequestFailedError(FailureKind.UNKNOWN_NAME, str(cause.strerror))
        if isinstance(cause, urllib3.exceptions.LocationParseError | UnicodeError):
            return RequestFailedError(FailureKind.UNKNOWN_NAME, "it is not a host name")
        if isinstance(cause, ConnectionRefusedError):
            return RequestFailedError(FailureKind.REFUSED, _system_message(causes))
    if any(map(_timed_out, causes)):
        return RequestFailedError(FailureKind.CONNECT_TIMEOUT)
    if any(isinstance(c, ConnectionResetError | BrokenPipeError) or "EOF" in str(c) for c in causes):
        return RequestFailedError(FailureKind.CLOSED_IN_HANDSHAKE)
    return RequestFailedError(FailureKind.UNREACHABLE, _system_message(causes))


def _not_trusted(cause: ssl.SSLCertVerificationError) -> RequestFailedError:
    said = cause.verify_message or "it can't be verified"
    kind = FailureKind.NOT_TRUSTED
    if "ostname mismatch" in said or "IP address mismatch" in said:
        kind = FailureKind.WRONG_NAME
    elif "expired" in said or "not yet valid" in said:
        kind = FailureKind.NOT_VALID_NOW
    return RequestFailedError(kind, said.rstrip("."))


def _timed_out(cause: BaseException) -> bool:
    """``NewConnectionError`` is any failure to connect, although urllib3 derives it from a timeout."""
    if isinstance(cause, urllib3.exceptions.NewConnectionError):
        return False
    return isinstance(cause, TimeoutError | urllib3.exceptions.TimeoutError | requests.Timeout)


def _after_sending(causes: list[BaseException], *, answered: bool) -> FailureKind:
    kinds = tuple(type(cause) for cause in causes)
    if any(issubclass(k, TimeoutError | urllib3.exceptions.ReadTimeoutError | requests.ReadTimeout) for k in kinds):
        return FailureKind.SILENT
    if any(issubclass(k, urllib3.exceptions.DecodeError | requests.exceptions.ContentDecodingError) for k in kinds):
        return FailureKind.NOT_DECODABLE
    if answered:
        return FailureKind.CUT_OFF
    # ``RemoteDisconnected`` is a ``BadStatusLine`` too, so the classes are compared by name, not by kinship.
    if any(k.__name__ in {"BadStatusLine", "LineTooLong", "HTTPException", "UnknownProtocol"} for k in kinds):
        return FailureKind.NOT_HTTP
    return FailureKind.CLOSED


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An exception and all that it wraps, outermost first: libraries put the cause in ``args`` or ``reason``."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        current = waiting.pop(0)
        if not isinstance(current, BaseException) or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        waiting += [*current.args, getattr(current, "reason", None), current.__cause__, current.__context__]


def _system_message(causes: list[BaseException]) -> str:
    for cause in reversed(causes):
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower()
    return type(causes[-1]).__name__
