"""The tokens that a text really has: the vocabulary of cl100k, carried by ``bpe_openai``."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any


@cache
def _encoding() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the library's own way to read its vocabulary
        import bpe_openai

        return bpe_openai.get_encoding("cl100k_base")


def count_tokens(text: str) -> int:
    """The tokens of a text in cl100k."""
    return len(_encoding().encode(text))
