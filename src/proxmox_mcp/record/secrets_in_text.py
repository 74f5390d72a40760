"""How secrets look within free text: an assignment, an option, a header, a URL, a hash, a key.

Every pattern takes linear time on any text (``tests/test_linear_patterns.py``), and most texts are passed by after a
search for a few marks. A secret is told from words by its surroundings, so that ordinary sentences stay as they are.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HIDDEN = "[secret]"

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
