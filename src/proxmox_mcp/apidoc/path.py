"""A path of the API, parsed once: everything after the parser works on the value.

Proxmox decodes a path whole and then splits it at slashes, empty parts dropped (``PVE::APIServer::AnyEvent`` and
``PVE::RESTHandler::map_path_to_methods``, measured); so does the parser. What is sent is built from the segments again,
so what was checked and decided is what arrives.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ANY = "*"
"""In place of a segment: stands for a node, a guest, a storage or a pool that the cluster's resources name."""

_is_canonical = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~:@!,-]+)+").fullmatch
_SAFE = ":@!,"
_DOTS = {".": "%2E", "..": "%2E%2E"}
_ADDRESS = re.compile(r"^https?://[^/?#\s]+(?=/api2/(?:json|extjs)/)", re.IGNORECASE)
_PREFIX = re.compile(r"^api2/(?:json|extjs)/")
_KINDS = ("qemu", "lxc")


@dataclass(frozen=True, slots=True)
class ApiPath:
    """``segments`` are decoded; ``encoded`` is the canonical text that is sent; ``query`` holds what followed a ``?``,
    a key that came twice with the list of its values."""

    segments: tuple[str, ...]
    encoded: str
    query: Mapping[str, object] = field(default_factory=dict, hash=False)

    @classmethod
    def given(cls, written: str) -> ApiPath:
        """From what a caller wrote, without what does no harm: blanks around it, a missing slash, and the address of a
        node or the ``/api2/json`` before it, as they are copied from a browser or a script.

        The address is dropped unread: the settings say where a call goes, not the caller.
        """
        path = _ADDRESS.sub("", written.strip()).lstrip("/")
        return cls.parse("/" + _PREFIX.sub("", path, count=1))

    @classmethod
    def parse(cls, written: str) -> ApiPath:
        """From a path as Proxmox reads it: encoded or not, slashes doubled or missing, perhaps with a query."""
        if _is_canonical(written):
            return cls(tuple(written.split("/")[1:]), written)
        text, _, query = written.partition("?")
        # Perl's $ lets one newline pass at the end of a path, and leaves it out.
        decoded = unquote(text).removesuffix("\n")
        return cls.of((part for part in decoded.split("/") if part), _parameters(query) if query else {})

    @classmethod
    def of(cls, segments: Iterable[str], query: Mapping[str, object] | None = None) -> ApiPath:
        """From segments that are decoded."""
        parts = tuple(segments)
        return cls(parts, "/" + "/".join(map(_encoded, parts)), query or {})

    @property
    def text(self) -> str:
        """The path decoded, without its query: ``/storage/nas/content/nas:backup/a b``."""
        return "/" + "/".join(self.segments)

    @property
    def node(self) -> str:
        """The node that the path names and that judges the call; empty where any node does."""
        parts = self.segments
        return parts[1] if len(parts) > 2 and parts[0] == "nodes" and parts[1] != "localhost" else ""

    @property
    def guest(self) -> tuple[str, str] | None:
        """The kind (``qemu`` or ``lxc``) and the id or name of the guest below a node."""
        parts = self.segments
        return (parts[2], parts[3]) if len(parts) > 3 and parts[0] == "nodes" and parts[2] in _KINDS else None

    @property
    def needs_lookup(self) -> bool:
        """Whether it leaves something open: a ``*``, or a guest by name."""
        guest = self.guest
        return ANY in self.segments or (guest is not None and not guest[1].isdecimal())

    @property
    def stands_for_many(self) -> bool:
        """Whether a ``*`` stands for several places; one for the node of a single guest does not."""
        parts = self.segments
        return ANY in parts[2:] or (ANY in parts and self.guest is None)

    def __str__(self) -> str:
        return self.encoded


def _encoded(segment: str) -> str:
    """A segment percent-encoded; dots too where HTTP would take them for steps, a lone ``*`` as it is."""
    if segment == ANY:
        return segment
    return _DOTS.get(segment) or quote(segment, safe=_SAFE, errors="replace")


def _parameters(query: str) -> dict[str, object]:
    merged: dict[str, object] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        before = merged.get(name)
        if before is None:
            merged[name] = text
        else:
            merged[name] = [*before, text] if isinstance(before, list) else [before, text]
    return merged
