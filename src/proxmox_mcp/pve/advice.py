"""What to do about Proxmox's words: ``advice.toml`` is a table from its wording to advice.

The wording is that of pve-manager, qemu-server, pve-container, pve-storage, pve-access-control and their kin, 6.x to
9.x; a test holds the table to hundreds of messages by name. The first rule whose pattern is found speaks.
Advice is filled from the pattern's groups and from the call: ``{node}``, ``{vmid}``, ``{kind}`` (qemu, lxc),
``{guest}`` (/nodes/pve1/qemu/100), ``{cli}`` (qm, pct), ``{storage}``.
"""

from __future__ import annotations

import functools
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from proxmox_mcp.foreign import shown


@dataclass(frozen=True, slots=True)
class Call:
    """What was asked for: ``path`` is the canonical path, such as ``/nodes/pve1/qemu/100/status/start``."""

    method: str
    path: str

    @property
    def places(self) -> dict[str, str]:
        """The names in the path, with plain words where the path has none."""
        parts = [unquote(part) for part in self.path.strip("/").split("/")]
        found = {"node": "{node}", "kind": "qemu", "vmid": "{vmid}", "storage": "{storage}"}
        if parts[0] == "nodes":
            found["node"] = parts[1] if len(parts) > 1 else "{node}"
            parts = parts[2:]
        if len(parts) > 1 and parts[0] in {"qemu", "lxc"}:
            found["kind"], found["vmid"] = parts[0], parts[1]
        if len(parts) > 1 and parts[0] == "storage":
            found["storage"] = parts[1]
        found["guest"] = "/nodes/{node}/{kind}/{vmid}".format_map(found)
        found["cli"] = "pct" if found["kind"] == "lxc" else "qm"
        return found


def advise(message: str, call: Call) -> str:
    """What to do about a message of Proxmox, empty where the table has nothing to say."""
    for rule, text in _rules():
        found = rule.search(message)
        if found:
            groups = {name: shown(value) for name, value in found.groupdict().items() if value}
            return text.format_map(_Words(call.places | groups))
    return ""


class _Words(dict[str, str]):
    """Names to fill in; one that is not known stays as it stands in the paths of the API."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


@functools.cache
def _rules() -> tuple[tuple[re.Pattern[str], str], ...]:
    table = tomllib.loads(Path(__file__).with_name("advice.toml").read_text("utf-8"))
    return tuple((re.compile("|".join(rule["wording"])), rule["advice"]) for rule in table["rule"])
