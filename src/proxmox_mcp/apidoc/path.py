"""A path of the API, parsed once: everything after the parser works on the value.

Proxmox decodes the whole path, then splits it at slashes and drops empty parts (``PVE::APIServer::AnyEvent`` and
``PVE::RESTHandler::map_path_to_methods``, measured); so does this parser. The path that is sent is built from the
segments, so the path that was checked is the one that Proxmox receives.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ANY = "*"
"""A wildcard segment: any node, guest, storage or pool in the cluster's resources."""

_is_canonical = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~:@!,-]+)+").fullmatch
_SAFE = ":@!,"
_DOTS = {".": "%2E", "..": "%2E%2E"}
_ADDRESS = re.compile(r"^https?://[^/?#\s]+(?=/api2/(?:json|extjs)/)", re.IGNORECASE)
_PREFIX = re.compile(r"^api2/(?:json|extjs)/")
KINDS = ("qemu", "lxc")
GUESTS = "guests"
"""Stands for either kind of guest: ``nodes/*/guests/web-01/config``. Proxmox has no such segment there."""


class ApiPath(Struct, frozen=True):
    """``segments`` are decoded; ``encoded`` is the canonical text that is sent; ``query`` holds the parameters after
    ``?``, a repeated key with a list of its values."""

    segments: tuple[str, ...]
    encoded: str
    query: Mapping[str, object] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash(self.encoded)  # Not of the query, which may hold lists.

    @classmethod
    def given(cls, written: str) -> ApiPath:
        """Parse what a caller wrote, and tolerate blanks around it, a missing first slash, and a URL of a node or
        ``/api2/json`` before the path, as copied from a browser or a script.

        The host of the URL is ignored: the settings decide where a call goes, not the caller.
        """
        path = _ADDRESS.sub("", written.strip()).lstrip("/")
        return cls.parse("/" + _PREFIX.sub("", path, count=1))

    @classmethod
    def parse(cls, written: str) -> ApiPath:
        """Parse a path as Proxmox does: encoded or not, with doubled or missing slashes, with or without a query."""
        if _is_canonical(written):
            return cls(tuple(written.split("/")[1:]), written)
        text, _, query = written.partition("?")
        # In Perl $ also matches before a final newline, which is then dropped.
        decoded = unquote(text).removesuffix("\n")
        return cls.of((part for part in decoded.split("/") if part), _parameters(query) if query else {})

    @classmethod
    def of(cls, segments: Iterable[str], query: Mapping[str, object] | None = None) -> ApiPath:
        """A path from decoded segments."""
        parts = tuple(segments)
        encoded = "/" + "/".join(map(_encoded, parts))
        # Proxmox drops one newline at the end (see ``parse``): without another, a name that ends in one is checked,
        # and the name without it is called.
        return cls(parts, f"{encoded}%0A" if encoded.endswith("%0A") else encoded, query or {})

    @property
    def text(self) -> str:
        """The decoded path without its query: ``/storage/nas/content/nas:backup/a b``."""
        return "/" + "/".join(self.segments)

    @property
    def node(self) -> str:
        """The node in the path, whose schema applies to the call; empty if any node can answer."""
        parts = self.segments
        return parts[1] if len(parts) > 2 and parts[0] == "nodes" and parts[1] != "localhost" else ""

    @property
    def guest(self) -> tuple[str, str] | None:
        """The kind (``qemu``, ``lxc`` or ``guests``) and the id or name of the guest in the path."""
        parts = self.segments
        known = len(parts) > 3 and parts[0] == "nodes" and parts[2] in (*KINDS, GUESTS)
        return (parts[2], parts[3]) if known else None

    @property
    def of_any_kind(self) -> bool:
        """Whether it leaves open if guests are VMs or containers."""
        return self.segments[:1] == ("nodes",) and self.segments[2:3] == (GUESTS,)

    @property
    def needs_lookup(self) -> bool:
        """Whether the cluster's resources are needed: it has a ``*``, ``guests``, or a guest by its name."""
        guest = self.guest
        return ANY in self.segments or self.of_any_kind or (guest is not None and not guest[1].isdecimal())

    @property
    def stands_for_many(self) -> bool:
        """Whether a ``*`` may match several places; one for the node of a single guest can't."""
        parts = self.segments
        return ANY in parts[2:] or (self.guest is None and (ANY in parts or self.of_any_kind))

    def __str__(self) -> str:
        return self.encoded


def _encoded(segment: str) -> str:
    """A segment, percent-encoded; also ``.`` and ``..``, which HTTP clients would resolve; ``*`` is unchanged."""
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
