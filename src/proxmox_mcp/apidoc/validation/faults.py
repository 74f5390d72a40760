"""What is wrong with one value, before it is known whose it is."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_SHOWN = 60


@dataclass(slots=True)
class Fault:
    """A fault of a value: a kind of ``Problem``, and what is wrong.

    ``key`` is the key of a property string at fault, empty where it is the whole value. ``wire`` is the value as it
    would be sent nevertheless.
    """

    kind: str
    message: str
    key: str = ""
    wire: str | list[str] | None = None


def shown(text: str) -> str:
    """A value as it stands in a message: quoted, cut where it is long."""
    return repr(text) if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]!r}…"


def unsendable(text: str) -> Fault | None:
    """The fault of a text that holds half of a surrogate pair, which UTF-8 can't carry."""
    if text.isascii():
        return None
    try:
        text.encode()
    except UnicodeEncodeError:
        return Fault("unsendable", "holds half of a surrogate pair, which can't be sent")
    return None
