"""Whether a node's packages take a terminal that was opened with an API token.

Before these versions (April 2026) the node closes the socket without a word, since the ticket of a token was not one
that its terminal could check. A login by password works on all of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from proxmox_mcp.errors import GuestVersionError

NEEDED = {
    "pve-container": {6: (6, 1, 3), 5: (5, 3, 4)},
    "libpve-access-control": {9: (9, 0, 7), 8: (8, 2, 3)},
    "proxmox-termproxy": {2: (2, 1, 0), 1: (1, 1, 1)},
}
"""The first good version for each major one: the newer of Proxmox VE 9, the older of 8.4."""


def check_versions(packages: Any, node: str) -> None:
    """Raise GuestVersionError where the answer of ``/nodes/{node}/apt/versions`` shows a package that is too old.

    A package that is missing there, or whose version can't be read, is left to the attempt.
    """
    installed = _installed(packages)
    old = [
        f"{package} {installed[package]} (needs {needed})"
        for package, by_major in NEEDED.items()
        if package in installed and (needed := _lacking(installed[package], by_major))
    ]
    if old:
        raise GuestVersionError(
            f"Node {node} is too old for commands in containers with an API token: {', '.join(old)}.",
            "Update the node, or use a password login (PROXMOX_USER and PROXMOX_PASSWORD without a token).",
        )


def _installed(packages: Any) -> dict[str, str]:
    """Package to version. ``OldVersion`` is installed, ``Version`` is available (PVE::API2::APT)."""
    found = {}
    for entry in packages if isinstance(packages, Sequence) and not isinstance(packages, str) else ():
        if isinstance(entry, Mapping):
            version = entry.get("OldVersion") or entry.get("Version")
            if isinstance(version, str) and entry.get("CurrentState", "Installed") == "Installed":
                found[str(entry.get("Package"))] = version
    return found


def _lacking(version: str, by_major: Mapping[int, tuple[int, ...]]) -> str:
    """The version that is needed where this one is older, else empty."""
    numbers = tuple(int(part) for part in re.findall(r"\d+", re.split(r"[-~+]", version)[0])[:3])
    if not numbers:
        return ""
    needed = by_major.get(numbers[0], max(by_major.values()) if numbers[0] < min(by_major) else ())
    return ".".join(map(str, needed)) if numbers < needed else ""
