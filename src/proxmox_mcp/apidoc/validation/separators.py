"""The separators of parameters whose text is a list, so that callers can send a JSON list or object.

A format whose name ends in ``-list`` is a list (``formats.is_list``). Other parameters hold a list without saying so:
their code splits the text. The separators here are those that this code uses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxmox_mcp.apidoc.formats import is_list

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxmox_mcp.apidoc.model import Schema

_BY_FORMAT: Mapping[str, str] = {
    "pve-cpuset": ",",  # PVE::CpuSet
    "pve-fw-addr-spec": ",",  # PVE::Firewall
    "pve-fw-conntrack-helper": ",",
    "pve-fw-dport-spec": ",",
    "pve-fw-sport-spec": ",",
    "pve-hotplug-features": ",",  # PVE::QemuServer
    "pve-qm-boot": ";",
    "pve-storage-options": ",",  # mount(8)
}
_BY_NAME: Mapping[str, str] = {
    # PVE::QemuServer::Cloudinit splits at blanks alone, although the format of nameserver takes commas too.
    "nameserver": " ",
    "searchdomain": " ",
    "scopes": " ",  # of OpenID
}
_BEFORE: Mapping[str, str] = {"pve-qm-boot": "order="}
_EMPTY: Mapping[str, str] = {"pve-hotplug-features": "0"}
"""The text for an empty list, where the format has one."""
_REPEATED: Mapping[str, tuple[str, ...]] = {";": (";)*", "(;", "(?:;"), ",": ("(,", "(?:,")}
"""Parts of a pattern that repeats a member after a separator: ``(?:a;)*a``, ``a(;a)*``."""
_PAIRS = frozenset({"pve-startup-order"})


def separator_of(name: str, schema: Schema) -> str:
    """The separator of the list that a text contains; empty if it is not a list."""
    if schema.type != "string":
        return ""
    if name in _BY_NAME:
        return _BY_NAME[name]
    if isinstance(schema.format, str):
        return "," if is_list(schema.format) else _BY_FORMAT.get(schema.format, "")
    if schema.pattern:
        pattern = schema.pattern
        return next((sign for sign, signs in _REPEATED.items() if any(each in pattern for each in signs)), "")
    return ""


def joined(members: Sequence[str], separator: str, schema: Schema) -> str | None:
    """The members as one text; None if the format has no text for an empty list."""
    named = schema.format if isinstance(schema.format, str) else ""
    if members:
        before = "" if "=" in members[0] else _BEFORE.get(named, "")
        return before + separator.join(members)
    return "" if is_list(named) else _EMPTY.get(named)


def takes_pairs(schema: Schema) -> bool:
    """Whether a text consists of ``key=value`` pairs joined by commas, but is not a property string."""
    if isinstance(schema.format, str):
        return schema.format in _PAIRS
    pattern = schema.pattern or ""
    return schema.format is None and "=" in pattern and "(," in pattern
