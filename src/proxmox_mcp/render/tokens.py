"""Estimates how many tokens a text costs a model, without a tokenizer.

A tokenizer's vocabulary has megabytes, and every start would have to load it. The estimate is for cl100k and rather
too high than too low. The text is split as byte-pair encoders split it before they merge (words, digits by threes,
punctuation, white space); each piece gets the cost that was measured for such pieces. ``tests/render/test_tokens.py``
checks that it is never more than a tenth below the true count.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import lru_cache
from itertools import pairwise
from math import ceil

_PIECE = re.compile(
    r"[A-Z]?[a-z]+"  # a word, or one hump of a camelCase name
    r"|[A-Z]+"
    r"|[0-9]+"
    r"|[^\S ]\s*| (?=[0-9]|$)| {2,}"  # a single space before a letter or a sign is part of that piece
    r"|[!-/:-@\[-`{-~]+"
    r"|[^\x00-\x7f]"
    r"|[\x00-\x1f\x7f]"
)

_COMMON_PAIRS = frozenset(
    word[0] + second
    for word in re.findall(
        r"\w+",
        "abcdgilmnprstuvy baeilou caehiklortu daeiorsu eacdefgilmnprstvwx faefio gaehiru haeior "
        "iabcdefglmnoprstv kes laeilostuy maeimopsy nacdefginostu obcdfglmnoprstuvw paeiloprstu qu "
        "racdeikmnorstuy sacehiopstuy tacehilorstuy ubeilmnprst vaei waeino xt ys zeu",
    )
    for second in word[1:]
)
"""Pairs of letters that make up nine tenths of English and German words; other pairs are merged less."""

_ODD_IN_SHORT_WORDS = 4
"""Twice the rare pairs that a short word may have and still be one token (``says``, ``new``)."""

_SIGNS_MERGED = frozenset(('":"', '","', '":', '",', '{"', '"}', '":{"', '"},{"', '":["', '"],"', '":[', "},", "://"))
_RULE_SIGNS = frozenset("-=_*#./%")

_CHARACTER_BLOCKS = (
    (0x80, 1.3),  # Latin-1
    (0x100, 2.0),
    (0x370, 1.6),  # Greek
    (0x400, 1.2),  # Cyrillic
    (0x450, 2.0),
    (0x5D0, 1.5),  # Hebrew
    (0x621, 1.3),  # Arabic
    (0x64B, 2.0),
    (0xE00, 1.6),  # Thai
    (0xE60, 3.0),
    (0x2000, 2.0),  # typographic signs
    (0x2070, 2.7),
    (0x2500, 2.0),  # box drawing
    (0x25A0, 2.7),
    (0x3000, 1.6),  # Kana
    (0x3100, 3.0),
    (0x4E00, 2.3),  # Han
    (0xA000, 3.0),
    (0x20000, 4.0),
)
_BLOCK_STARTS = [start for start, _ in _CHARACTER_BLOCKS]


def estimate_tokens(text: str) -> int:
    """The estimated tokens of ``text``, rather too many than too few; linear time (about 10 MB a second)."""
    return ceil(token_cost(text))


def token_cost(text: str) -> float:
    """As ``estimate_tokens`` but not rounded, for adding up parts."""
    return sum(_cached_cost(piece) if len(piece) <= _LONGEST_CACHED else _cost(piece) for piece in _PIECE.findall(text))


_LONGEST_CACHED = 32
"""Longer pieces are not cached: untrusted text must not fill the memory."""


@lru_cache(maxsize=16384)
def _cached_cost(piece: str) -> float:
    return _cost(piece)


def _cost(piece: str) -> float:
    first = piece[0]
    if first > "\x7f":
        return _CHARACTER_BLOCKS[bisect_right(_BLOCK_STARTS, ord(first)) - 1][1]
    if first.isdigit():
        return -(-len(piece) // 3)
    if first.isalpha():
        return _cost_of_capitals(piece) if piece[-1].isupper() else _cost_of_word(piece.lower())
    if first.isspace():
        return 1 + sum(a != b for a, b in pairwise(piece)) + len(piece) // 16
    return _cost_of_signs(piece)


def _cost_of_capitals(piece: str) -> float:
    return 1 + 0.55 * (len(piece) - 1)


def _cost_of_word(word: str) -> float:
    """1 for a natural word; half a token per letter for random letters (a password, base64).

    A short name that starts like no natural word (``pve``, ``zfs``) is mostly two tokens.
    """
    rare = sum(word[i : i + 2] not in _COMMON_PAIRS for i in range(len(word) - 1))
    if rare and 2 * rare >= max(len(word) - 1, _ODD_IN_SHORT_WORDS):
        return 0.8 + 0.53 * len(word)
    begins_oddly = len(word) > 1 and word[:2] not in _COMMON_PAIRS
    return 1 + 0.75 * begins_oddly + 0.15 * rare + 0.12 * max(0, len(word) - 3) + 0.2 * max(0, len(word) - 7)


def _cost_of_signs(piece: str) -> float:
    if piece in _SIGNS_MERGED:
        return 1
    if len(set(piece)) == 1:
        return 1 + len(piece) // (8 if piece[0] in _RULE_SIGNS else 2)
    return 0.3 + 0.7 * len(piece)
