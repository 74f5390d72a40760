"""Under which names secrets are in Proxmox's parameters and results: anywhere, or below one endpoint only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from proxmox_mcp.apidoc.reviews import call_key

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECRET_WORDS = ("password", "passwd", "passphrase", "secret", "credential")
_SECRET_NAMES = frozenset(
    {
        "apitoken",
        "authorization",
        "certkey",
        "challenge",
        "client-key",
        "confirmation-password",
        "cookie",
        "corosync_authkey",
        "csrfpreventiontoken",
        "eab-hmac-key",
        "encryption-key",
        "key-data",
        "keyring",
        "otel-headers",
        "otp",
        "private-key",
        "private_key",
        "privatekey",
        "pveauthcookie",
        "recovery",
        "set-cookie",
        "tfa-challenge",
        "ticket",
        "token",
        "totp",
        "vncticket",
        "wsticket",
        "x-api-key",
    }
)
_PUBLIC_NAMES = frozenset({"generate-password", "password-set", "secret-names", "pre-enrolled-keys"})

_OF_ENDPOINT: dict[str, frozenset[str]] = {
    "/access/openid/login": frozenset({"code"}),
    "/access/tfa": frozenset({"response"}),
    "/access/tfa/{}": frozenset({"value"}),
    "/access/users": frozenset({"keys"}),
    "/access/users/{}": frozenset({"keys"}),
    "/access/users/{}/token/{}": frozenset({"value"}),
    "/cluster/acme/plugins": frozenset({"data"}),
    "/cluster/acme/plugins/{}": frozenset({"data"}),
    "/cluster/notifications/endpoints/webhook": frozenset({"header"}),
    "/cluster/notifications/endpoints/webhook/{}": frozenset({"header"}),
    "/cluster/sdn/dns": frozenset({"key"}),
    "/cluster/sdn/dns/{}": frozenset({"key"}),
    "/nodes/{}/certificates/custom": frozenset({"key"}),
    "/nodes/{}/subscription": frozenset({"key"}),
}
"""Names that are secrets below one template only, by ``PVE::API2`` of each."""

_OF_TFA = re.compile(r"((?:^|,)key=)[^,]*")
_OF_ENVIRONMENT = re.compile(
    r"((?:^|(?<=[\0\n]))[^=\0\n]{0,64}(?:pass|pwd|secret|token|key|cred|auth|private|salt|dsn|cookie|session|licen[sc]e)"
    r"[^=\0\n]{0,64}=)[^\0\n]+",
    re.IGNORECASE,
)
_OF_ADDRESS = re.compile(r"((?<=[^:/]/)|[?&=])(?=[\w-]{0,64}\d)(?!\{\{)[\w-]{16,}")
_PARTS: Mapping[str, re.Pattern[str]] = {
    "tfa": _OF_TFA,
    "env": _OF_ENVIRONMENT,
    "lxc.environment": _OF_ENVIRONMENT,
    "lxc.environment.runtime": _OF_ENVIRONMENT,
}
"""Names whose values hold secrets beside what is public: the key of Yubico's service in ``tfa``
(``PVE::Auth::Plugin``), variables of containers (``PVE::LXC::Config``). The first group of a pattern stays."""
_PARTS_OF_ENDPOINT: Mapping[str, Mapping[str, re.Pattern[str]]] = {
    f"/cluster/notifications/endpoints/webhook{below}": {**_PARTS, "url": _OF_ADDRESS} for below in ("", "/{}")
}
"""The address of a webhook is often the whole credential: its long segments and values go."""


_LONGEST_KEPT = 64
"""Longer names are judged each time: what is remembered must not grow by what others write."""


def is_secret_name(name: str) -> bool:
    """Whether the value under a name is always a secret."""
    name = str(name)
    return _is_secret_name(name) if len(name) <= _LONGEST_KEPT else _judge_name(name)


def _judge_name(name: str) -> bool:
    lowered = name.lower()
    if lowered in _PUBLIC_NAMES:
        return False
    return lowered in _SECRET_NAMES or any(word in lowered for word in _SECRET_WORDS)


_is_secret_name = lru_cache(maxsize=4096)(_judge_name)


@dataclass(frozen=True, slots=True, eq=False)
class SecretsBelow:
    """What is a secret below one template, beside what is one anywhere: whole values by ``names``, and those in which
    something is public too by ``parts``, each with a pattern whose first group stays."""

    names: frozenset[str]
    parts: Mapping[str, re.Pattern[str]]


@lru_cache(maxsize=4096)
def secrets_below(template: str) -> SecretsBelow:
    """What is a secret below the template of an endpoint."""
    key = call_key("", template).strip()
    return SecretsBelow(_OF_ENDPOINT.get(key, frozenset()), _PARTS_OF_ENDPOINT.get(key, _PARTS))
