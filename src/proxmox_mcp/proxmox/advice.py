"""What to do about a message of Proxmox: ``advice.toml`` maps its wording, and the call it came from, to advice.

The wording is that of pve-manager, qemu-server, pve-container, pve-storage, pve-access-control and others, 6.x to
9.x; a test compares the table with hundreds of messages. The first rule that matches is used; without one the
cause is unknown, and ``unknown`` says so.
Advice is filled from the pattern's groups and from the call: ``{node}``, ``{vmid}``, ``{kind}`` (qemu, lxc),
``{guest}`` (/nodes/pve1/qemu/100), ``{cli}`` (qm, pct), ``{storage}``, ``{firewall}`` (/cluster/firewall).
"""

from __future__ import annotations

import functools
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.untrusted import shown

if TYPE_CHECKING:
    from proxmox_mcp.proxmox.upid import Upid


class FailedCall(Struct, frozen=True):
    """What was asked for: ``path`` is the canonical path, such as ``/nodes/pve1/qemu/100/status/start``; ``task`` is
    true where it started a task, and the message is how that ended."""

    method: str
    path: str
    task: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.path}{' TASK' if self.task else ''}"

    @property
    def places(self) -> dict[str, str]:
        """The names in the path, with plain words where the path has none."""
        parts = ApiPath.parse(self.path).segments
        found = {"node": "{node}", "kind": "qemu", "vmid": "{vmid}", "storage": "{storage}"}
        above, firewall, _ = self.path.partition("/firewall")
        found["firewall"] = above + firewall if firewall else "/cluster/firewall"
        if parts[:1] == ("nodes",):
            found["node"] = parts[1] if len(parts) > 1 else "{node}"
            parts = parts[2:]
        if len(parts) > 1 and parts[0] in {"qemu", "lxc"}:
            found["kind"], found["vmid"] = parts[0], parts[1]
        if len(parts) > 1 and parts[0] == "storage":
            found["storage"] = parts[1]
        found["guest"] = "/nodes/{node}/{kind}/{vmid}".format_map(found)
        found["cli"] = "pct" if found["kind"] == "lxc" else "qm"
        return found


_STARTED_BY = {
    "create": ("POST", ""),
    "restore": ("POST", ""),
    "destroy": ("DELETE", "/{id}"),
    "clone": ("POST", "/{id}/clone"),
    "migrate": ("POST", "/{id}/migrate"),
    "config": ("POST", "/{id}/config"),
    "resize": ("PUT", "/{id}/resize"),
    "template": ("POST", "/{id}/template"),
    "snapshot": ("POST", "/{id}/snapshot"),
    "delsnapshot": ("DELETE", "/{id}/snapshot/{{snapname}}"),
    "rollback": ("POST", "/{id}/snapshot/{{snapname}}/rollback"),
    "move": ("POST", "/{id}/move_disk"),
    "move_volume": ("POST", "/{id}/move_volume"),
    **{do: ("POST", f"/{{id}}/status/{do}") for do in ("start", "stop", "shutdown", "reboot", "suspend", "resume")},
}
"""The call behind a guest's task, by what follows ``qm`` or ``vz`` in its type (``PVE::API2::Qemu``, ``LXC``)."""
_OTHERS = {
    "vzdump": ("POST", "/vzdump"),
    "download": ("POST", "/storage/{{storage}}/download-url"),
    "imgdel": ("DELETE", "/storage/{{storage}}/content/{{volume}}"),
    "startall": ("POST", "/startall"),
    "stopall": ("POST", "/stopall"),
    "aptupdate": ("POST", "/apt/update"),
}


def started_by(task: Upid) -> FailedCall:
    """The call that starts such a task, according to its type: its end gets the same advice as that call."""
    kind = {"qm": "qemu", "vz": "lxc"}.get(task.type[:2], "")
    found = _STARTED_BY.get(task.type[2:]) if kind else None
    if task.type in _OTHERS:
        kind, found = "", _OTHERS[task.type]
    method, tail = found or ("POST", "")
    path = f"/nodes/{task.node}{f'/{kind}' if kind else ''}{tail.format(id=task.id or '{vmid}')}"
    return FailedCall(method, path, task=True)


class _Rule(Struct, frozen=True):
    wording: re.Pattern[str]
    at: re.Pattern[str]
    unless: re.Pattern[str] | None
    advice: str


_LONGEST_MESSAGE = 1_000
"""Characters of a message that are looked at. A guest's agent or a name may make it long, and the table's patterns,
made for sentences, would take the square of that."""


def advise(message: str, call: FailedCall) -> str:
    """What to do about a message of Proxmox; empty if no rule matches."""
    message, asked = message[:_LONGEST_MESSAGE], str(call)[:_LONGEST_MESSAGE]
    for rule in _rules():
        if not rule.at.search(asked) or (rule.unless and rule.unless.search(message)):
            continue
        if found := rule.wording.search(message):
            return _filled(rule.advice, found, call)
    return ""


def unknown(call: FailedCall) -> str:
    """The advice if the cause is unknown: where to look, and no guess."""
    node = call.places["node"]
    where = f"GET /nodes/{node}/syslog" if not node.startswith("{") else "journalctl on the node"
    return f"The cause is unknown. The node's log may say more: {where}."


def _filled(advice: str, found: re.Match[str], call: FailedCall) -> str:
    # Groups of one name in several alternatives are numbered: name, name2, name3.
    groups = {name.rstrip("0123456789"): shown(text) for name, text in found.groupdict().items() if text}
    places = call.places
    filled = {**places, **groups}
    filled["guest"] = "/nodes/{node}/{kind}/{vmid}".format_map(filled)
    return re.sub(r"\{(\w+)\}", lambda match: filled.get(match[1], match[0]), advice)


@functools.cache
def _rules() -> tuple[_Rule, ...]:
    table = tomllib.loads(Path(__file__).with_name("advice.toml").read_text("utf-8"))
    return tuple(
        _Rule(
            re.compile("|".join(rule["wording"])),
            re.compile("|".join(rule.get("at", [""]))),
            re.compile("|".join(rule["unless"])) if "unless" in rule else None,
            rule["advice"],
        )
        for rule in table["rule"]
    )
