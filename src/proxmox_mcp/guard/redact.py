"""Secrets out of whatever is shown or kept: parameters, results, errors, log lines.

A value goes by the name it stands under, by the endpoint it belongs to, or by its own form (a ticket, a token's
header, a private key). What is public stays: SSH and certificate keys, fingerprints, token ids, digests.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from proxmox_mcp.guard.risk import call_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

HIDDEN = "[secret]"
_SHORTEST = 4
"""Shorter values are not taken out of texts: they would take too much else with them."""

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

_NAME_IN_TEXT = (
    r"((?<![\w-])[\w-]{0,32}(?:passw(?:or)?d|passphrase|secret|(?:api|auth|access)[_-]?token)[\w-]{0,16}"
    r"[\"']?\s{0,4}[=:]\s{0,4})"
)
_FAULT = (
    r"(?:value (?:'|does|must|may|is)|invalid format -|type check \(|property is (?:not|missing)|missing property"
    r"|duplicate parameter|(?:password|parameter) (?:is|too|must)|unable to|no such |not allowed)"
)
"""How Proxmox begins what it says of a parameter (``PVE::JSONSchema``, ``PVE::API2::AccessControl``): what stands after
``password: `` in such a line is no password."""
_NAMED_IN_TEXT = re.compile(
    _NAME_IN_TEXT + rf"(?!{_FAULT})" + r"(\"[^\"\n]*\"|'[^'\n]*'|[^\s,;\"'}\0]+)", re.IGNORECASE | re.MULTILINE
)
_QUOTED_IN_FAULT = re.compile(_NAME_IN_TEXT + r"(value ')[^'\n]*", re.IGNORECASE | re.MULTILINE)
_TEXT_PATTERNS = (
    (re.compile(r"-----BEGIN ([A-Z0-9 ]*)PRIVATE KEY-----.*?(?:-----END \1PRIVATE KEY-----|\Z)", re.DOTALL), HIDDEN),
    (re.compile(r"(?<![\w:])PVE[A-Z]{0,8}:(?:[^\s\"']{0,256}?:)?[0-9A-Fa-f]{8}::[A-Za-z0-9+/=]+"), HIDDEN),
    (re.compile(r"\b(bearer\s+)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"(://[^\s/:@]+:)[^\s/@]+(?=@)"), rf"\1{HIDDEN}"),
    (re.compile(r"(otpauth://[^\s?]*\?)[^\s\"']*"), rf"\1{HIDDEN}"),
    (_QUOTED_IN_FAULT, rf"\1\2{HIDDEN}"),
    (_NAMED_IN_TEXT, rf"\1{HIDDEN}"),
)
_MARKS = ("::", "://", "-----", "bearer", "pass", "secret", "token")
"""What any of the patterns needs: most texts hold none of it, and are not searched further."""
_SHORTEST_MATCH = len("://u:p@")
"""What any of the patterns takes at the least: names of nodes, states and types are shorter."""


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Whether what stands under a name is a secret wherever it stands."""
    lowered = str(name).lower()
    if lowered in _PUBLIC_NAMES:
        return False
    return lowered in _SECRET_NAMES or any(word in lowered for word in _SECRET_WORDS)


@lru_cache(maxsize=4096)
def secret_names(template: str) -> frozenset[str]:
    """Names that are secrets below one template, beside those that are anywhere."""
    return _OF_ENDPOINT.get(call_key("", template).strip(), frozenset())


class Redactor:
    """Takes secrets out. ``known`` are values that never may appear anywhere: our own credentials."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        values = sorted({value for value in known if len(value) >= _SHORTEST}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, values))) if values else None
        self._shortest = min((_SHORTEST_MATCH, *map(len, values)))
        self._shortest_known = len(values[-1]) if values else 0

    def data(self, value: Any, template: str = "", keep: Callable[[str, Any], str] | None = None) -> Any:
        """A copy of parameters or of a result with secrets replaced, at any depth. ``template``: their endpoint's.

        ``keep(name, value)`` is given each secret that stands under a name, and says what stands there instead: so
        what a call exists to give reaches the operator (``vault.Vault.keeper``).
        """
        return self._value(value, secret_names(template), keep or _hide)

    def text(self, text: str, also: Iterable[str] = ()) -> str:
        """Free text (an error, a log line) without secrets; ``also``: values of this call that are (``secrets_in``)."""
        for value in also:
            if len(value) >= _SHORTEST:
                text = text.replace(value, HIDDEN)
        return self._text(text)

    def _value(self, value: Any, local: frozenset[str], keep: Callable[[str, Any], str]) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict | Mapping):
            return self._mapping(value, local, keep)
        if isinstance(value, list | tuple):
            return [self._value(member, local, keep) for member in value]
        return value

    def _mapping(
        self, value: Mapping[str, Any], local: frozenset[str], keep: Callable[[str, Any], str]
    ) -> dict[str, Any]:
        hidden, may_name_another = _secrets_among(tuple(value), local)
        if may_name_another and _has_secret_subject(value):
            hidden |= _VALUES_OF_SUBJECT & value.keys()
        out = dict(value)
        for name, member in value.items():
            kind = type(member)
            if name in hidden and _shows_something(member):
                out[name] = keep(name, member)
            elif kind is str:
                if len(member) >= self._shortest:
                    out[name] = self._text(member)
            elif kind not in _PLAIN:
                out[name] = self._value(member, local, keep)
        return out

    def _text(self, text: str) -> str:
        if len(text) < self._shortest:
            return text
        if self._known is not None and len(text) >= self._shortest_known:
            text = self._known.sub(HIDDEN, text)
        lowered = text.lower()
        for mark in _MARKS:
            if mark in lowered:
                break
        else:
            return text
        for pattern, replacement in _TEXT_PATTERNS:
            text = pattern.sub(replacement, text)
        return text


def _hide(name: str, value: Any) -> str:  # noqa: ARG001
    return HIDDEN


_PLAIN = frozenset({int, float, bool, type(None)})
_VALUES_OF_SUBJECT = frozenset({"value", "pending", "old", "new", "default", "v"})


@lru_cache(maxsize=256)
def _secrets_among(names: tuple[str, ...], local: frozenset[str]) -> tuple[frozenset[str], bool]:
    """Which of a record's names are of secrets, and whether one of them may name another: alike in a whole list."""
    hidden = frozenset(name for name in names if name in local or is_secret_name(name))
    return hidden, not _VALUES_OF_SUBJECT.isdisjoint(names)


def _has_secret_subject(value: Mapping[str, Any]) -> bool:
    """True for entries such as ``{"key": "cipassword", "value": ...}``, which name a secret by a value."""
    for name in ("key", "name", "k"):
        subject = value.get(name)
        if isinstance(subject, str) and is_secret_name(subject):
            return True
    return False


def secrets_in(data: Mapping[str, Any], template: str = "") -> frozenset[str]:
    """The secret values among the parameters of a call, for taking them out of what Proxmox answers."""
    return frozenset(text for text in _secret_texts(data, secret_names(template)) if len(text) >= _SHORTEST)


def _secret_texts(value: Any, local: frozenset[str]) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, member in value.items():
            if str(name) in local or is_secret_name(str(name)):
                yield from _leaves(member)
            else:
                yield from _secret_texts(member, local)
    elif isinstance(value, list | tuple):
        for member in value:
            yield from _secret_texts(member, local)
    elif isinstance(value, str):
        for match in _NAMED_IN_TEXT.finditer(value):
            yield match[2].strip("\"'")


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for member in value.values():
            yield from _leaves(member)
    elif isinstance(value, list | tuple):
        for member in value:
            yield from _leaves(member)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _shows_something(value: Any) -> bool:
    """False for what tells only whether a secret is set: booleans, 0 and 1, nothing, Proxmox's own asterisks."""
    if value is None or isinstance(value, bool) or value in (0, 1, "", "0", "1"):
        return False
    return not (isinstance(value, str) and not value.strip("*"))
