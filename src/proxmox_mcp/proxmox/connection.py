"""The hosts of a cluster and the identity used there, as one value that is checked before anything is sent.

The forms are Proxmox's own: ``user@realm`` (``PVE::Auth::Plugin::verify_username``) and, for a token,
``user@realm!name`` (``PVE::AccessControl``, ``pve-tokenid``).
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from proxmox_mcp.errors import SettingsError, SettingsFaults
from proxmox_mcp.net.address import HostPort
from proxmox_mcp.net.tls import TlsPolicy, parse_fingerprints

if TYPE_CHECKING:
    from pathlib import Path

API_PORT = 8006
_ID_FORMS = "PROXMOX_TOKEN_ID takes the token's name (mcp) or the whole id (user@realm!mcp)."

_USER = re.compile(r"[^\s:/!]+@[A-Za-z][A-Za-z0-9.\-_]+")
_TOKEN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9.\-_]+")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_HOST_NAME = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One cluster and one identity. ``token`` is the token's name; empty means a login by password.

    ``fingerprints`` are SHA-256 digests (64 lower-case hex digits) of the trusted certificates, one for each node.
    Certificates are checked where ``verify_ssl``, ``ca_file`` or ``fingerprints`` says so. ``timeout`` is in seconds.
    """

    hosts: tuple[HostPort, ...]
    user: str
    secret: str = field(repr=False)
    token: str = ""
    verify_ssl: bool = False
    ca_file: Path | None = None
    fingerprints: tuple[str, ...] = ()
    timeout: float = 30.0

    @property
    def tls(self) -> TlsPolicy:
        """The certificates that every connection to this cluster trusts."""
        return TlsPolicy(verify=self.verify_ssl, ca_file=self.ca_file, fingerprints=self.fingerprints)

    @property
    def identity(self) -> str:
        """Who Proxmox sees: ``user@realm!name`` for a token, ``user@realm`` for a password."""
        return f"{self.user}!{self.token}" if self.token else self.user

    @property
    def verifies(self) -> bool:
        """Whether the certificate of a node is checked in any way."""
        return bool(self.fingerprints or self.ca_file or self.verify_ssl)

    @property
    def secret_is_uuid(self) -> bool:
        """Proxmox makes every token's secret a UUID."""
        return _UUID.fullmatch(self.secret) is not None

    @classmethod
    def parse(
        cls,
        *,
        host: str,
        user: str = "",
        token_id: str = "",
        secret: str,
        port: int = API_PORT,
        verify_ssl: bool = False,
        ca_file: Path | None = None,
        fingerprint: str = "",
        timeout: float = 30.0,
    ) -> Connection:
        """From the values of the environment. Raises ``SettingsError`` with all faults and what is allowed."""
        faults = SettingsFaults()
        hosts: tuple[HostPort, ...] = ()
        pins: tuple[str, ...] = ()
        token = token_id
        with faults.collected():
            hosts = parse_hosts(host, port)
        with faults.collected():
            user, token = parse_identity(user.strip(), token_id.strip())
        with faults.collected():
            _check_secret(secret, token=token)
        with faults.collected():
            if ca_file is not None:
                TlsPolicy(ca_file=ca_file).context()
        with faults.collected():
            pins = _fingerprints(fingerprint)
        with faults.collected():
            if timeout <= 0:
                raise SettingsError(f"PROXMOX_TIMEOUT is {timeout:g}: it must be above 0.", "It is in seconds.")
        faults.raise_all()
        return cls(
            hosts=hosts,
            user=user,
            token=token,
            secret=secret,
            verify_ssl=verify_ssl,
            ca_file=ca_file,
            fingerprints=pins,
            timeout=timeout,
        )


_SECRET_PARTS = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE), "[secret]"),
    (re.compile(r"=.*", re.DOTALL), "=[secret]"),
    (re.compile(r":[^:/@]*@"), ":[secret]@"),
)
_LONGEST_SHOWN = 100


def shown(text: str) -> str:
    """A value as a message quotes it, without what may be a secret: it may have been put into the wrong variable."""
    return repr(_masked(text))


def _masked(text: str) -> str:
    for pattern, instead in _SECRET_PARTS:
        text = pattern.sub(instead, text)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def parse_hosts(text: str, port: int = API_PORT) -> tuple[HostPort, ...]:
    """``PROXMOX_HOST``: one or several nodes, separated by commas or blanks, each ``host[:port]``."""
    hosts = tuple(dict.fromkeys(_host(part, port) for part in re.split(r"[,\s]+", text) if part))
    if not hosts:
        raise SettingsError("PROXMOX_HOST is empty.", "Set it to a node's name or address, such as pve1 or 10.0.0.1.")
    return hosts


def _host(text: str, port: int) -> HostPort:
    wrong = SettingsError(
        f"PROXMOX_HOST holds {shown(text)}, which is not a host.",
        "Write host or host:port (an IPv6 address with a port in brackets), several with commas, without a path.",
    )
    if "://" in text:
        if not text.startswith("https://"):
            raise wrong
        text = text.removeprefix("https://").rstrip("/")
    address = (
        text.removeprefix("[").removesuffix("]") if text.count(":") > 1 and not re.search(r"\]:\d+$", text) else ""
    )
    try:
        if address:
            return HostPort(str(ipaddress.IPv6Address(address)), port)
        parts = urlsplit(f"//{text}")
        host, given = parts.hostname or "", parts.port
    except ValueError:
        raise wrong from None
    if parts.netloc != text or "@" in text or given == 0:
        raise wrong
    if ":" not in host and not _HOST_NAME.fullmatch(host):
        raise wrong
    return HostPort(host, given or port)


def parse_identity(user: str, token_id: str) -> tuple[str, str]:
    """``(user@realm, token name)`` from ``PROXMOX_USER`` and ``PROXMOX_TOKEN_ID``; the name is empty for a password."""
    if "!" in user:
        whose, _, name = user.partition("!")
        raise SettingsError(
            f"PROXMOX_USER is {shown(user)}, which is a token id.",
            f"Set PROXMOX_USER={_masked(whose)} and PROXMOX_TOKEN_ID={_masked(token_id or name.partition('=')[0])}.",
        )
    name = _token_name(user, token_id)
    user = user or token_id.rpartition("!")[0]
    if not user:
        raise SettingsError("PROXMOX_USER is empty.", "Set it to user@realm, such as root@pam or mcp@pve.")
    if "@" not in user:
        raise SettingsError(
            f"PROXMOX_USER is {shown(user)}: the realm is missing.",
            f"Write {_masked(user)}@pam for a system user of the node, {_masked(user)}@pve for a user made in Proxmox.",
        )
    if not _USER.fullmatch(user):
        raise SettingsError(
            f"PROXMOX_USER is {shown(user)}, which is not a user id.", "Write user@realm, such as root@pam."
        )
    return user, name


def _token_name(user: str, token_id: str) -> str:
    if _UUID.fullmatch(token_id):
        raise SettingsError(
            "PROXMOX_TOKEN_ID holds what looks like the token's secret.",
            f"The secret belongs in PROXMOX_PASSWORD. {_ID_FORMS}",
        )
    if "=" in token_id:
        raise SettingsError(
            "PROXMOX_TOKEN_ID holds a whole token with its secret.",
            f"Put the part after = into PROXMOX_PASSWORD. {_ID_FORMS}",
        )
    whose, bang, name = token_id.rpartition("!")
    if bang and user and whose != user:
        raise SettingsError(
            f"PROXMOX_USER is {shown(user)}, but PROXMOX_TOKEN_ID is a token of {shown(whose)}.",
            f"A token belongs to one user: set PROXMOX_USER={_masked(whose)}, or name another token.",
        )
    if not bang and "@" in token_id:
        raise SettingsError(f"PROXMOX_TOKEN_ID is {shown(token_id)}, which is a user, not a token.", _ID_FORMS)
    if token_id and not _TOKEN_NAME.fullmatch(name):
        raise SettingsError(
            f"PROXMOX_TOKEN_ID is {shown(token_id)}, whose name is not a valid token name.",
            f"A name has two or more letters, digits, . - _ and starts with a letter. {_ID_FORMS}",
        )
    return name


def _check_secret(secret: str, *, token: str) -> None:
    if not secret:
        what = "the token's secret" if token else "the password, or with PROXMOX_TOKEN_ID to the token's secret"
        raise SettingsError("PROXMOX_PASSWORD is empty.", f"Set it to {what}.")
    if not token:
        return
    if "=" in secret and ("!" in secret or secret.startswith("PVEAPIToken")):
        raise SettingsError(
            "PROXMOX_PASSWORD holds a whole token, user and name included.",
            "Set it to the secret alone: the part after the last =.",
        )
    if not (secret.isascii() and secret.isprintable()) or " " in secret:
        raise SettingsError(
            "PROXMOX_PASSWORD contains characters that no token secret has.",
            "A secret is a UUID as `pveum user token add` printed it, without quotes, blanks or line ends.",
        )


def _fingerprints(text: str) -> tuple[str, ...]:
    try:
        return parse_fingerprints(text)
    except ValueError:
        raise SettingsError(
            "PROXMOX_FINGERPRINT has an entry that is not a SHA-256 fingerprint.",
            "It takes 64 hex digits, with or without colons, as `pvenode cert info` shows them; "
            "several nodes: one for each, with commas.",
        ) from None
