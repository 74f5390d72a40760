"""What counts as a secret: by the name of a parameter or field, anywhere or below one endpoint only, and by its form
within free text (an assignment, an option, a header, a URL, a hash, a key).

Every pattern takes linear time on any text (``tests/test_linear_patterns.py``), and most texts are passed by after a
search for a few marks. A secret is told from words by its surroundings, so that ordinary sentences stay as they are.
"""

# Tested through tests/record/test_redaction.py.

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec import Struct

from proxmox_mcp.apidoc.reviews import call_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

HIDDEN = "[secret]"

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


class SecretsBelow(Struct, frozen=True, eq=False):
    """What is a secret below one template, beside what is one anywhere: whole values by ``names``, and those in which
    something is public too by ``parts``, each with a pattern whose first group stays."""

    names: frozenset[str]
    parts: Mapping[str, re.Pattern[str]]


@lru_cache(maxsize=4096)
def secrets_below(template: str) -> SecretsBelow:
    """What is a secret below the template of an endpoint."""
    key = call_key("", template).strip()
    return SecretsBelow(_OF_ENDPOINT.get(key, frozenset()), _PARTS_OF_ENDPOINT.get(key, _PARTS))


_NAME_IN_TEXT = (
    r"((?<![\w-])[\w-]{0,32}(?:passw(?:or)?d|passphrase|secret|(?:api|auth|access)[_-]?token"
    r"|(?:api|auth|access|private|signing|encryption)[_-]?key)[\w-]{0,16}"
    r"[\"']?\s{0,4}[=:]\s{0,4})"
)
_FAULT = (
    r"(?:value (?:'|does|must|may|is)|invalid format -|type check \(|property is (?:not|missing)|missing property"
    r"|duplicate parameter|(?:password|parameter) (?:is|too|must)|unable to|no such |not allowed)"
)
"""How Proxmox begins what it says of a parameter (``PVE::JSONSchema``, ``PVE::API2::AccessControl``): what comes after
``password: `` in such a line isn't a password."""
NAMED = re.compile(
    _NAME_IN_TEXT + rf"(?![\"']?{_FAULT}|\[secret\]&)" + r"(\"[^\"\n]*\"?|'[^'\n]*'?|[^\s,;\"'}\0]+)",
    re.IGNORECASE | re.MULTILINE,
)
_QUOTED_IN_FAULT = re.compile(_NAME_IN_TEXT + r"(\"?value ')[^'\n]*", re.IGNORECASE | re.MULTILINE)

_OTPAUTH = re.compile(r"(otpauth://[^\s?\"']*+)(?:\?[^\s\"']*)?")
"""Takes what it has read even where no ``?`` follows: looking for the ``?`` from each of many beginnings took the
square of the text's length (19 s for 150 KB)."""
_IN_URL = re.compile(r"(://[^\s/:@\"'<>]*:)(?!\d{1,5}(?:[^\w@]|$))[^\s/\"'<>]+(?=@)")
"""``scheme://user:password@host``, the user may be absent (``redis://:password@host``); a port isn't a password."""
_IN_QUERY = re.compile(
    r"([?&;](?:access_?|auth_?|api_?|refresh_?|id_?)?(?:token|key|secret|sig|signature|password|passwd|pwd)=)"
    r"(?!\{\{)[^\s&;\"'<>#]+",
    re.IGNORECASE,
)
"""A parameter of a URL, as webhooks, Gotify and signed links have them. ``{{ secrets.x }}`` is Proxmox's own template
(``proxmox-notify``), in which the secret is named and not shown."""
_WEBHOOK = re.compile(
    r"(hooks\.slack\.com/(?:services|workflows|triggers)/|discord(?:app)?\.com/api/webhooks/\d{1,20}/"
    r"|api\.telegram\.org/bot\d{1,20}:|\.webhook\.office\.com/webhookb?2?/|chat\.googleapis\.com/v1/spaces/"
    r"|/hooks/(?=[\w-]{16}))[^\s\"'<>]+"
)
"""Addresses that are themselves the credential: Slack, Discord, Telegram, Teams, Google Chat, Mattermost."""
_BEARER = re.compile(r"\b(bearer\s{1,8})(?=\S{0,64}\d|\S{24})[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)
_AUTHORIZATION = re.compile(
    r"((?<![\w-])(?:proxy-)?authorization[\"']?\s{0,4}[=:]\s{0,4}[\"']?(?:basic|digest|negotiate|ntlm|token|apikey)\s{1,8})"
    r"[^\r\n\"']+",
    re.IGNORECASE,
)
_WORDS = (
    "is|or|and|to|for|the|a|an|with|was|are|must|not|option|options|flag|argument|in|if|can|from|as|has|may|be|of|by"
    "|on|off|given|required|needed|missing|instead"
)
_OPTION = re.compile(
    r"((?<![\w-])--?(?:[a-z]{1,16}-)?(?:password|passwd|passphrase|pass|pwd|token|secret|api-?key|auth-?key)(?:\s{1,4}|=))"
    rf"(?!-|<|\[|\{{|\$|(?:{_WORDS})(?![\w-]))"
    r"(\"[^\"\n]*\"?|'[^'\n]*'?|[^\s\"']+)",
    re.IGNORECASE,
)
"""``--password X`` of a command line; after it come words where a sentence is about the option."""
_CRYPT = re.compile(
    r"\$(?:1|2[abxy]?|5|6|7|y|gy|sha1|md5|apr1|argon2(?:id?|d)|scrypt|pbkdf2(?:-[a-z0-9]{1,8})?)\$[./A-Za-z0-9$=,+-]{8,}"
)
"""A password as ``crypt(5)`` hashes it, in ``/etc/shadow`` and cloud-init."""
_SHADOW = re.compile(r"^([\w.-]{1,32}:)[^:\s*!]{1,512}(:\d{3,6}:\d{0,6}:\d{0,6}:)", re.MULTILINE)


def _without_query(found: re.Match[str]) -> str:
    return found[0] if len(found[0]) == len(found[1]) else f"{found[1]}?{HIDDEN}"


PATTERNS: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"-----BEGIN ([A-Z0-9 ]*)PRIVATE KEY-----.*?(?:-----END \1PRIVATE KEY-----|\Z)", re.DOTALL), HIDDEN),
    (re.compile(r"(?<![\w:])PVE[A-Z]{0,8}:(?:[^\s\"']{0,256}?:)?[0-9A-Fa-f]{8}::[A-Za-z0-9+/=]+"), HIDDEN),
    (_BEARER, rf"\1{HIDDEN}"),
    (_AUTHORIZATION, rf"\1{HIDDEN}"),
    (_OTPAUTH, _without_query),
    (_IN_URL, rf"\1{HIDDEN}"),
    (_IN_QUERY, rf"\1{HIDDEN}"),
    (_WEBHOOK, rf"\1{HIDDEN}"),
    (_OPTION, rf"\1{HIDDEN}"),
    (_QUOTED_IN_FAULT, rf"\1\2{HIDDEN}"),
    (NAMED, rf"\1{HIDDEN}"),
    (_CRYPT, HIDDEN),
    (_SHADOW, rf"\1{HIDDEN}\2"),
)
_MARKS = ("::", "://", "-----", "bearer", "pass", "secret", "token", "authorization", "pwd", "key", "$")
"""What any of the patterns needs: most texts hold none of it, and are not searched further."""
SHORTEST_MATCH = len("://:p@")
"""What any of the patterns takes at the least, with its surroundings: names of nodes and states are shorter."""


def may_hold(text: str) -> bool:
    """Whether any of the patterns can be in the text: most texts hold nothing that all of them need."""
    lowered = text.lower()
    for mark in _MARKS:  # noqa: SIM110 - a generator within any() takes three times as long
        if mark in lowered:
            return True
    return False


def hide(text: str) -> str:
    """The text with each secret in it replaced."""
    if not may_hold(text):
        return text
    for pattern, replacement in PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def assigned(text: str) -> Iterator[str]:
    """The values that a text gives to names of secrets."""
    for found in NAMED.finditer(text):
        yield found[2].strip("\"'")
