"""References of a step to an identifier of an earlier one: ``${1.vmid}``.

An identifier is one that the server allocated (``"vmid": "next"``), that names what the earlier step creates
(``snapname``), or that Proxmox makes and tells in its answer (``volid``), which is known only once that step is done.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REFERENCE = re.compile(r"\$\{([0-9]{1,4})\.([A-Za-z][A-Za-z0-9_-]{0,40})\}")

IDENTIFIERS = frozenset({"vmid", "newid", "snapname", "id", "userid", "groupid", "poolid", "storage", "sid", "name"})
"""Parameters that name what a step creates; no others are handed on, so that no secret is."""


def references_in(value: Any) -> Iterator[tuple[int, str]]:
    """The references in a text, and in the texts of an object or a list: ``(1, "vmid")``."""
    if isinstance(value, str):
        if "${" in value:
            yield from ((int(found[1]), found[2]) for found in REFERENCE.finditer(value))
    elif isinstance(value, dict):
        for each in value.values():
            yield from references_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from references_in(each)


def substituted(value: Any, of: Callable[[int, str], str]) -> Any:
    """The value with what ``of(step, name)`` gives in place of each reference."""
    if isinstance(value, str):
        return REFERENCE.sub(lambda found: of(int(found[1]), found[2]), value) if "${" in value else value
    if isinstance(value, dict):
        return {key: substituted(each, of) for key, each in value.items()}
    if isinstance(value, list):
        return [substituted(each, of) for each in value]
    return value
