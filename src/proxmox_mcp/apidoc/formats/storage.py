"""Formats of disks, volumes, paths and mappings (PVE::Storage::Plugin, PVE::JSONSchema, PVE::QemuServer, PVE::LXC)."""

# Tested through tests/apidoc/formats/test_formats.py.

from __future__ import annotations

from typing import TYPE_CHECKING

from proxmox_mcp.apidoc.formats.definition import Format, any_of, fullmatch, one_of, pattern_format, perl_search
from proxmox_mcp.apidoc.formats.identifiers import BRIDGE_ID, STORAGE_ID
from proxmox_mcp.apidoc.validation.perl import is_true, split_list

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CONTENT_TYPES = ("images", "rootdir", "vztmpl", "iso", "backup", "snippets", "none", "import")

_VOLUME = pattern_format(
    r"(?i:[a-z][a-z0-9._-]*[a-z0-9]):.+", "a volume: storage, colon, name, such as local-lvm:vm-100-disk-0"
)
_LONGEST_PATH = 1023
_LONGEST_PART = 255
_block_size = fullmatch(r"([1-9][0-9]*)([kKmM])?\n?")


def _pair_of(member: Format) -> Callable[[str], bool]:
    """``id``, ``id:id``, or ``1`` (each to itself). The list as a whole is only checked later, by Proxmox's code."""

    def passes(text: str) -> bool:
        return not is_true(text) or all(map(entry_passes, split_list(text)))

    def entry_passes(entry: str) -> bool:
        parts = entry.split(":")
        return entry == "1" or (len(parts) <= 2 and all(map(member.passes, parts)))

    return passes


def _is_override(text: str) -> bool:
    """``type=path``: no two dots in a row, none at the end (``PVE::Storage::Plugin::verify_dir_override``)."""
    type_, equals, path = text.partition("=")
    shown = path.removesuffix("\n")
    if not equals or type_ not in CONTENT_TYPES or not shown or ".." in shown or shown.endswith("."):
        return False
    return len(shown) < _LONGEST_PATH and all(len(part) < _LONGEST_PART for part in shown.split("/"))


def _is_block_size(text: str) -> bool:
    size = _block_size(text)
    if size is None or len(size[1]) > len("16777216"):
        return not text
    count = int(size[1]) * {"": 1, "k": 1 << 10, "m": 1 << 20}[(size[2] or "").lower()]
    return 512 <= count <= 1 << 24 and count & (count - 1) == 0


_mount_point_faults = perl_search(r"/\.\.?/|/\.\.?$|^\.\./")
_device_faults = perl_search(r"/\.\.?(?:/|$)")
_ABSOLUTE = Format(lambda text: text.startswith("/"), "")

STORAGE: Mapping[str, Format] = {
    "disk-size": pattern_format(
        r"\d+(\.\d+)?([KMGT](?:iB)?)?", "a size with K, M, G or T in capitals (1024-based), such as 32G or 512M"
    ),
    "pve-volume-id": _VOLUME,
    "pve-volume-id-or-absolute-path": any_of(
        "a volume such as local:iso/x.iso, or an absolute path", _ABSOLUTE, _VOLUME
    ),
    "pve-volume-id-or-qm-path": any_of(
        "a volume such as local-lvm:vm-100-disk-0, local-lvm:32 for a new one of 32 GiB, an absolute path, none, cdrom",
        one_of("none", "cdrom"),
        _ABSOLUTE,
        _VOLUME,
    ),
    "pve-storage-path": Format(perl_search(r"^/[^;()]+"), "an absolute path without ; ( )"),
    "pve-storage-path-in-property-string": Format(perl_search(r"^/[^;,=()]+"), "an absolute path without ; , = ( )"),
    "pve-storage-content": one_of(*CONTENT_TYPES),
    "pve-storage-format": pattern_format("(raw|qcow2|vmdk|subvol)", "one of raw, qcow2, vmdk, subvol"),
    "pve-storage-options": pattern_format(r"\S+", "mount options without blanks, such as vers=4.2,noatime"),
    "pve-storage-vgname": pattern_format(
        r"(?i:[a-z0-9][a-z0-9._-]*[a-z0-9])", "the name of a volume group, such as pve"
    ),
    "pve-storage-zfs-blocksize": Format(_is_block_size, "a power of 2 from 512 to 16m, such as 16k"),
    "pve-dir-override": Format(_is_override, f"type=path with a type of {', '.join(CONTENT_TYPES)}: iso=iso/images"),
    "storage-pair": Format(_pair_of(STORAGE_ID), "a storage, source:target, or 1 to keep each where it is"),
    "bridge-pair": Format(_pair_of(BRIDGE_ID), "a bridge, source:target, or 1 to keep each"),
    "storagepair": Format(_pair_of(STORAGE_ID), "a storage, source:target, or 1 to keep each where it is"),
    "pve-lxc-mp-string": Format(
        lambda text: not _mount_point_faults(text), "a volume or a path without . and .. as parts"
    ),
    "pve-lxc-dev-string": Format(
        lambda text: text.startswith("/dev/") and not _device_faults(text), "a device under /dev/, such as /dev/ttyUSB0"
    ),
}
