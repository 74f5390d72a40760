"""The named formats of Proxmox VE: a test and a description for each.

The schema only has the name of a format; its rule is in Proxmox's code. 20% of the calls that Proxmox refuses fail one.
``PVE::JSONSchema::check_format`` tests the part of the name before ``-list`` (each member of a list) or ``-opt`` (only
if the text is true). An unknown format accepts everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxmox_mcp.apidoc.formats.calendar import CALENDAR
from proxmox_mcp.apidoc.formats.definition import Format, pattern_format, perl_search
from proxmox_mcp.apidoc.formats.firewall import FIREWALL
from proxmox_mcp.apidoc.formats.guests import GUESTS
from proxmox_mcp.apidoc.formats.identifiers import IDENTIFIERS
from proxmox_mcp.apidoc.formats.network import NETWORK
from proxmox_mcp.apidoc.formats.storage import STORAGE
from proxmox_mcp.apidoc.validation.perl import is_true, split_list

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["BEFORE_9", "BEFORE_9_2", "FORMATS", "Format", "find_format", "is_list"]

FORMATS: Mapping[str, Format] = {**IDENTIFIERS, **NETWORK, **FIREWALL, **STORAGE, **GUESTS, **CALENDAR}

BEFORE_9: Mapping[str, Format] = {
    "mac-prefix": pattern_format(
        r"(?i:[a-f0-9][02468ace](?::[a-f0-9]{2}){0,2}:?)", "the first bytes of a MAC address, each complete: BC:24:11"
    ),
    "pve-storage-format": Format(perl_search("raw|qcow2|vmdk|subvol"), FORMATS["pve-storage-format"].wanted),
}
"""Formats with another rule in some release up to Proxmox VE 8: PVE::DataCenterConfig of branch stable-bookworm;
PVE::Storage::Plugin, whose pattern was not anchored up to 8.3."""

BEFORE_9_2: Mapping[str, Format] = {
    "pve-groupid": pattern_format(r"[A-Za-z0-9._()?^:-]+", FORMATS["pve-groupid"].wanted),
}
"""PVE::AccessControl had the text of a pattern as a class of characters, ``[(?^:A-Za-z0-9._-)]``, from
libpve-access-control 8.2 to 9.0.4: the first nodes of Proxmox VE 9.1 had it."""

_LISTS = ("-list", "-alist")


def is_list(name: str) -> bool:
    """Whether a format is a list."""
    return name.endswith(_LISTS)


def find_format(name: str, others: Mapping[str, Format] | None = None) -> Format | None:
    """The format of that name, including ``-list`` or ``-opt``; None if it is unknown.

    ``others`` are formats that depend on the index; they take precedence.
    """
    for suffix in (*_LISTS, "-opt"):
        if name.endswith(suffix) and (member := _named(name.removesuffix(suffix), others)):
            return _optional(member) if suffix == "-opt" else _list_of(member)
    return _named(name, others)


def _named(name: str, others: Mapping[str, Format] | None) -> Format | None:
    return (others or {}).get(name) or FORMATS.get(name)


def _list_of(member: Format) -> Format:
    passes: Callable[[str], object] = member.passes
    return Format(lambda text: all(map(passes, split_list(text))), f"a list; each member: {member.wanted}", passes)


def _optional(member: Format) -> Format:
    passes: Callable[[str], object] = member.passes
    return Format(lambda text: not is_true(text) or passes(text), f"empty, or {member.wanted}")
