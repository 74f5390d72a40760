"""Perl's treatment of text, where it differs from Python's.

Proxmox validates in Perl: ``"0"`` is false, a text counts as the number that it starts with, and ``\\s`` and ``\\w``
are different Unicode classes (perlre, perlnumber, perlrecharclass).
"""

from __future__ import annotations

import re
from functools import lru_cache
from unicodedata import category

SPACE = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""The members of Perl's ``\\s`` for use in a character class (Python's also has U+001C to U+001F)."""

_LEADING_NUMBER = re.compile(r"\s*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_SEPARATORS = re.compile(rf"[,;{SPACE}]+")

_EXACT = 16
_LETTER, _SYMBOL = "\u00e9", "\u2603"
_MARKS_AND_CONNECTORS = frozenset({"Mn", "Mc", "Me", "Pc"})
_DOTLESS = frozenset("\u0130\u0131")


def is_true(text: str) -> bool:
    """Whether Perl considers a text true."""
    return text not in {"", "0"}


def number(text: str) -> float:
    """The value of a text in arithmetic: the number at its start, else 0. Only 0 to 9 are digits."""
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
    """A number as Perl prints it: 15 significant digits, no fraction if it is whole."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.15g}"


def split_list(text: str) -> list[str]:
    """Split a ``-list``: at NULs if it has any, else at commas, semicolons and blanks.

    See ``PVE::Tools::split_list``: leading and trailing separators are dropped (only trailing ones for NUL).
    """
    if "\0" in text:
        members = text.split("\0")
        while members and not members[-1]:
            members.pop()
        return members
    return [member for member in _SEPARATORS.split(text) if member]


def perl_equivalent(text: str) -> str:
    """Replace each character that Python and Perl classify differently by one that they classify as Perl does."""
    return text if text.isascii() else "".join(map(_as_perl_sees, text))


@lru_cache(maxsize=4096)
def _as_perl_sees(character: str) -> str:
    if character.isascii():
        return character
    kind = category(character)
    if kind in _MARKS_AND_CONNECTORS or character in _DOTLESS or 0x24B6 <= ord(character) <= 0x24E9:
        return _LETTER
    return _SYMBOL if kind == "No" else character
