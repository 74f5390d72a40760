"""Values of parameters as Proxmox reads them: as texts, as lists, as property strings.

Everything is read generously, so that two ways to write one value have the same effects.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ALIASES = {"cdrom": "ide2"}
"""Parameters that Proxmox takes for another: ``PVE::QemuServer::Drive``."""

DEFAULT_KEYS = {
    **dict.fromkeys(("ide", "sata", "scsi", "virtio", "efidisk", "tpmstate", "unused"), "file"),
    **dict.fromkeys(("mp", "rootfs"), "volume"),
    **dict.fromkeys(("usb", "hostpci"), "host"),
    **dict.fromkeys(("amd-sev", "intel-tdx", "machine", "migration", "replication", "vga"), "type"),
    **dict.fromkeys(("agent", "fleecing"), "enabled"),
    "acmedomain": "domain",
    "boot": "legacy",
    "cpu": "cputype",
    "dev": "path",
    "link": "address",
    "log_ratelimit": "enable",
    "memory": "current",
    "net": "model",
    "rng": "source",
    "virtiofs": "dirid",
    "wakeonlan": "mac",
    "watchdog": "model",
}
"""The key of a bare part of a property string, by the parameter's name without its number."""

_SEPARATORS = re.compile(r"[\s,;\0]+")
_BOOLEANS = {"on": "1", "yes": "1", "true": "1", "off": "0", "no": "0", "false": "0"}
_KEY_ALIASES = {"volume": "file", "guest-fsfreeze": "freeze-fs", "freeze-fs-on-backup": "freeze-fs"}


def texts(value: object) -> Iterator[str]:
    """A value as Proxmox gets it: booleans as 1 and 0, nothing for null, an object as a property string, each member
    of a list."""
    if isinstance(value, bool):
        yield "1" if value else "0"
    elif isinstance(value, list | tuple):
        for member in value:
            yield from texts(member)
    elif isinstance(value, dict):
        yield ",".join(f"{key}={text}" for key, inner in value.items() for text in texts(inner))
    elif value is not None:
        yield str(value)


def members(text: str) -> list[str]:
    """The members of a list as ``PVE::Tools::split_list`` takes it apart."""
    return [member for member in _SEPARATORS.split(text) if member]


def list_members(value: object) -> list[str]:
    """The members of a parameter that holds a list: as one text, or as an array of texts."""
    return [member for text in texts(value) for member in members(text)]


def number(text: str) -> str:
    """A whole number as Proxmox compares it: ``+05`` is ``5``, ``-0`` is ``0``; any other text is itself."""
    digits = text[1:] if text.startswith(("+", "-")) else text
    return str(int(text)) if digits.isdecimal() and len(digits) < 20 else text


def property_values(name: str, value: object) -> dict[str, list[str]]:
    """A property string by key, with all values that a key has; booleans as 1 and 0. A bare part belongs to the
    default key; a key with another name is found by both."""
    found: dict[str, list[str]] = {}
    default = DEFAULT_KEYS.get(name.rstrip("0123456789"), "bare")
    for text in texts(value):
        for part in text.split(","):
            key, equals, inner = part.partition("=")
            if not equals:
                key, inner = default, part
            if part.strip():
                for each in dict.fromkeys((key.strip(), _KEY_ALIASES.get(key.strip(), key.strip()))):
                    found.setdefault(each, []).append(_BOOLEANS.get(inner.lower(), inner))
    return found


def volume_of(name: str, value: object) -> str:
    """The volume, path or size that a drive or mount point names."""
    values = property_values(name, value)
    return next(iter(values.get("file") or values.get("volume") or values.get("bare") or ()), "")
