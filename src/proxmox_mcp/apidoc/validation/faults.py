"""What is wrong with one value, without the name of its parameter."""

# Tested through tests/apidoc/validation/test_checker.py and tests/apidoc/validation/test_encode.py.

from __future__ import annotations

from msgspec import Struct

LONGEST_SHOWN = 60


class Fault(Struct):
    """A fault of a value: a kind of ``Problem``, and what is wrong.

    ``key`` is the wrong key of a property string, empty if the whole value is wrong. ``wire`` is the encoded value, in
    case the call is sent anyway.
    """

    kind: str
    message: str
    key: str = ""
    wire: str | list[str] | None = None


def quoted_value(text: str) -> str:
    """A value for a message: quoted, and cut if it is long."""
    return repr(text) if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]!r}…"


def unsendable(text: str) -> Fault | None:
    """The fault of a text with a lone surrogate (JSON's ``"\\ud800"``), which UTF-8 can't encode."""
    if text.isascii():
        return None
    try:
        text.encode()
    except UnicodeEncodeError:
        return Fault("unsendable", "contains a lone surrogate, which can't be sent")
    return None
