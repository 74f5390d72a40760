"""The tokens that a text really has: the vocabulary of cl100k, carried by ``bpe_openai``."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

_SLICE = 100_000


@cache
def _encoding() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the library's own way to read its vocabulary
        import bpe_openai

        return bpe_openai.get_encoding("cl100k_base")


def count_tokens(text: str) -> int:
    """The tokens of a text in cl100k (of very long ones in slices: a token or so too many for each)."""
    return sum(len(_encoding().encode(text[i : i + _SLICE])) for i in range(0, len(text), _SLICE))
