"""What Perl makes of text, where Python would read it otherwise.

Proxmox judges a call in Perl: ``"0"`` is false, a text is as much of a number as it starts with, and ``\\s``, ``\\w``
are Unicode classes of Perl's own (perlre, perlnumber, perlrecharclass).
"""

from __future__ import annotations

import re
from functools import lru_cache
from unicodedata import category

SPACE = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""The members of Perl's ``\\s``, as they stand in a character class (Python's has U+001C to U+001F too)."""

_LEADING_NUMBER = re.compile(r"\s*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_SEPARATORS = re.compile(rf"[,;{SPACE}]+")

_EXACT = 16
_LETTER, _SYMBOL = "\u00e9", "\u2603"
_MARKS_AND_CONNECTORS = frozenset({"Mn", "Mc", "Me", "Pc"})
_DOTLESS = frozenset("\u0130\u0131")


def is_true(text: str) -> bool:
    """Perl's truth of a text."""
    return text not in {"", "0"}


def number(text: str) -> float:
    """What arithmetic reads: the number that the text starts with, else 0. Digits other than 0 to 9 are none."""
    if text.isdecimal() and text.isascii() and len(text) < _EXACT:
        return int(text)
    leading = _LEADING_NUMBER.match(text)
    if leading is None:
        return 0.0
    try:
        return float(leading[0])
    except ValueError:
        return 0.0


def text_of_number(value: float) -> str:
    """A number as Perl prints it: 15 significant digits, no fraction where there is none."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.15g}"


def split_list(text: str) -> list[str]:
    """The members of a ``-list``: split at NULs if there are any, else at commas, semicolons and blanks.

    See ``PVE::Tools::split_list``: leading and trailing separators are dropped (of NULs only the trailing).
    """
    if "\0" in text:
        members = text.split("\0")
        while members and not members[-1]:
            members.pop()
        return members
    return [member for member in _SEPARATORS.split(text) if member]


def view(text: str) -> str:
    """The text with each character that Python's classes judge otherwise than Perl's replaced by one they agree on."""
    return text if text.isascii() else "".join(map(_as_perl_sees, text))


@lru_cache(maxsize=4096)
def _as_perl_sees(character: str) -> str:
    if character.isascii():
        return character
    kind = category(character)
    if kind in _MARKS_AND_CONNECTORS or character in _DOTLESS or 0x24B6 <= ord(character) <= 0x24E9:
        return _LETTER
    return _SYMBOL if kind == "No" else character
