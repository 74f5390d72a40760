"""A request that got no response from a node, as an error with advice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxmox_mcp.errors import AnswerError, DeadlineError, ProxmoxError, TlsError, UnreachableError
from proxmox_mcp.net.failures import FailureKind as Kind

if TYPE_CHECKING:
    from proxmox_mcp.net.address import HostPort
    from proxmox_mcp.net.failures import RequestFailedError

PIN_ADVICE = (
    "Compare it with `pvenode cert info` on the node. If the node has a new certificate, set PROXMOX_FINGERPRINT "
    "to it. If it doesn't, another machine answers in the node's place. Nothing secret was sent."
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
UNKNOWN_OUTCOME = "The call may have taken effect: check before you repeat it."


def explain(failed: RequestFailedError, host: HostPort, *, writes: bool, connect_seconds: float) -> ProxmoxError:
    """``writes``: the request may change something. ``sent`` of the error: it may have reached Proxmox."""
    if failed.sent:
        return _after_sending(failed.kind, host, doubt=UNKNOWN_OUTCOME if writes else "")
    return _before_sending(failed.kind, failed.detail, host, connect_seconds)


def _before_sending(kind: Kind, detail: str, host: HostPort, connect_seconds: float) -> ProxmoxError:
    match kind:
        case Kind.NOT_PINNED:
            return TlsError(
                f"The certificate of {host} is not the pinned one: its SHA-256 fingerprint is {detail}.", PIN_ADVICE
            )
        case Kind.NOT_TRUSTED | Kind.WRONG_NAME | Kind.NOT_VALID_NOW:
            advice = {Kind.WRONG_NAME: NAME_ADVICE, Kind.NOT_VALID_NOW: EXPIRED_ADVICE}.get(kind, CA_ADVICE)
            return TlsError(f"The certificate of {host} is not trusted: {detail}.", advice)
        case Kind.NOT_TLS:
            return TlsError(f"{host} does not speak TLS.", NO_TLS_ADVICE)
        case Kind.HANDSHAKE:
            return TlsError(f"The TLS handshake with {host} failed ({detail}).", NO_TLS_ADVICE)
        case Kind.DEADLINE:
            return DeadlineError(
                f"{host} did not answer within the time limit of the call.",
                "Raise PROXMOX_TIMEOUT if the node is slow. Nothing was sent.",
            )
        case Kind.UNKNOWN_NAME:
            return UnreachableError(
                f"The name {host.host} can't be resolved ({detail}).",
                "Check PROXMOX_HOST and the DNS of the machine (or container) that this server runs on.",
            )
        case Kind.REFUSED:
            return UnreachableError(
                f"{host} refuses the connection.",
                "Nothing listens there: check the port, and on the node `systemctl status pveproxy`.",
            )
        case Kind.CONNECT_TIMEOUT:
            return UnreachableError(
                f"{host} did not answer within {connect_seconds:g} s.",
                "The node is down, or a firewall drops the connection: check PROXMOX_HOST and the network.",
            )
        case Kind.CLOSED_IN_HANDSHAKE:
            return UnreachableError(
                f"{host} closed the connection during the TLS handshake.",
                "Another program than pveproxy listens there, or pveproxy is restarting: check the port.",
            )
        case _:
            return UnreachableError(f"{host} can't be reached ({detail}).", "Check PROXMOX_HOST and the network.")


def _after_sending(kind: Kind, host: HostPort, *, doubt: str) -> ProxmoxError:
    match kind:
        case Kind.DEADLINE:
            advice = _joined("Ask for less, or raise PROXMOX_TIMEOUT if the node is slow.", doubt)
            return DeadlineError(f"The response of {host} was not complete in the time limit.", advice, sent=True)
        case Kind.SILENT:
            advice = _joined("The node or its storage may hang.", doubt)
            return DeadlineError(f"{host} took the request, but did not answer in PROXMOX_TIMEOUT.", advice, sent=True)
        case Kind.NOT_DECODABLE:
            return AnswerError(f"The response of {host} can't be decompressed.", doubt, sent=True)
        case Kind.CUT_OFF:
            return AnswerError(f"The response of {host} was cut off.", doubt, sent=True)
        case Kind.NOT_HTTP:
            return AnswerError(f"The response of {host} is not HTTP.", _joined(NO_TLS_ADVICE, doubt), sent=True)
        case _:
            return UnreachableError(f"{host} closed the connection before it answered.", doubt, sent=True)


def _joined(advice: str, doubt: str) -> str:
    return f"{advice} {doubt}" if doubt else advice
