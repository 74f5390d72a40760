"""What kept an exchange from happening, in words: from the exceptions of requests, urllib3, http.client and ssl."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Protocol

import requests
import urllib3

from proxmox_mcp.errors import AnswerError, DeadlineError, ProxmoxError, TlsError, UnreachableError
from proxmox_mcp.proxmox.sockets import PinError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proxmox_mcp.proxmox.connection import HostPort

PIN_ADVICE = (
    "Compare it with `pvenode cert info` on the node. If the node has a new certificate, set PROXMOX_FINGERPRINT "
    "to it; if not, something else answers in the node's place. Nothing secret was sent."
)
CA_ADVICE = (
    "Set PROXMOX_CA_FILE to a copy of the node's /etc/pve/pve-root-ca.pem, or PROXMOX_FINGERPRINT to the SHA-256 "
    "fingerprint that `pvenode cert info` shows, or PROXMOX_VERIFY_SSL=false to check nothing."
)
NAME_ADVICE = "It is for other names: use one of them in PROXMOX_HOST, or pin it with PROXMOX_FINGERPRINT."
EXPIRED_ADVICE = (
    "Renew it on the node (`pvecm updatecerts --force`), or check the clocks of the node and of this machine."
)
NO_TLS_ADVICE = "Check the port: the API of Proxmox VE is HTTPS on 8006."
UNKNOWN_OUTCOME = "It may have taken effect: look before you repeat it."


class Flight(Protocol):
    """How far the call was (``sockets.Flight``)."""

    sent: bool
    answered: bool

    @property
    def left(self) -> float: ...


def explain(error: Exception, host: HostPort, flight: Flight, *, writes: bool, connect_timeout: float) -> ProxmoxError:
    """The error of our tree for what went wrong on the wire; ``sent`` says whether the request may have arrived."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, PinError):
            return TlsError(
                f"The certificate of {host} is not the pinned one: its SHA-256 fingerprint is {cause.args[0]}.",
                PIN_ADVICE,
            )
    if flight.left <= 0:
        return DeadlineError(
            f"{host} did not finish its answer in the time that the call had.",
            _with_doubt("Ask for less, or raise PROXMOX_TIMEOUT if the node is slow.", writes and flight.sent),
            sent=flight.sent,
        )
    if not flight.sent:
        return _unsent(causes, host, connect_timeout)
    return _cut(causes, host, flight, writes=writes)


def _unsent(causes: list[BaseException], host: HostPort, connect_timeout: float) -> ProxmoxError:
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _distrusted(cause, host)
        if isinstance(cause, ssl.SSLError):
            if cause.reason in {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL"}:
                return TlsError(f"{host} does not speak TLS.", NO_TLS_ADVICE)
            return TlsError(f"The TLS handshake with {host} failed ({cause.reason or cause}).", NO_TLS_ADVICE)
        if isinstance(cause, socket.gaierror):
            return UnreachableError(
                f"The name {host.host} can't be resolved ({cause.strerror}).",
                "Check PROXMOX_HOST and the DNS of the machine (or container) that this server runs on.",
            )
        if isinstance(cause, ConnectionRefusedError):
            return UnreachableError(
                f"{host} refuses the connection.",
                "Nothing listens there: check the port, and on the node `systemctl status pveproxy`.",
            )
    if any(map(_timed_out, causes)):
        return UnreachableError(
            f"{host} did not answer within {connect_timeout:g} s.",
            "The node is down, or a firewall drops the connection: check PROXMOX_HOST and the way there.",
        )
    if any(isinstance(c, ConnectionResetError | BrokenPipeError) or "EOF" in str(c) for c in causes):
        return UnreachableError(
            f"{host} closed the connection during the TLS handshake.",
            "Something listens there that is not pveproxy, or pveproxy is just restarting: check the port.",
        )
    return UnreachableError(f"{host} can't be reached ({_words(causes)}).", "Check PROXMOX_HOST and the way there.")


def _timed_out(cause: BaseException) -> bool:
    """``NewConnectionError`` is no timeout, although urllib3 derives it from one: it is any failure to connect."""
    if isinstance(cause, urllib3.exceptions.NewConnectionError):
        return False
    return isinstance(cause, TimeoutError | urllib3.exceptions.TimeoutError | requests.Timeout)


def _distrusted(cause: ssl.SSLCertVerificationError, host: HostPort) -> TlsError:
    said = cause.verify_message or "it can't be verified"
    advice = CA_ADVICE
    if "ostname mismatch" in said or "IP address mismatch" in said:
        advice = NAME_ADVICE
    elif "expired" in said or "not yet valid" in said:
        advice = EXPIRED_ADVICE
    return TlsError(f"The certificate of {host} is not trusted: {said.rstrip('.')}.", advice)


def _cut(causes: list[BaseException], host: HostPort, flight: Flight, *, writes: bool) -> ProxmoxError:
    doubt = UNKNOWN_OUTCOME if writes else ""
    kinds = tuple(type(cause) for cause in causes)
    if any(issubclass(k, TimeoutError | urllib3.exceptions.ReadTimeoutError | requests.ReadTimeout) for k in kinds):
        return DeadlineError(
            f"{host} took the request and then said nothing for as long as PROXMOX_TIMEOUT allows.",
            _with_doubt("The node or its storage may hang.", writes),
            sent=True,
        )
    if any(issubclass(k, urllib3.exceptions.DecodeError | requests.exceptions.ContentDecodingError) for k in kinds):
        return AnswerError(f"The answer of {host} is compressed in a way that can't be undone.", doubt, sent=True)
    if flight.answered:
        return AnswerError(f"The answer of {host} was cut off.", doubt, sent=True)
    if any(k.__name__ in {"BadStatusLine", "LineTooLong", "HTTPException", "UnknownProtocol"} for k in kinds):
        return AnswerError(f"What {host} sent is not HTTP.", _with_doubt(NO_TLS_ADVICE, writes), sent=True)
    return UnreachableError(f"{host} broke off before it answered.", doubt, sent=True)


def _with_doubt(advice: str, doubt: bool) -> str:
    return f"{advice} {UNKNOWN_OUTCOME}" if doubt else advice


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


def _words(causes: list[BaseException]) -> str:
    for cause in reversed(causes):
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower()
    return type(causes[-1]).__name__
