"""What a call would do, said in a few lines from the live state of what it hits.

``Statement.identity`` is what makes the things hit these very things (name, UUID, volumes, snapshots), without
figures that move by themselves: a confirmation holds as long as it stays.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from proxmox_mcp.policy.risk import Risk, as_texts
from proxmox_mcp.record.redaction import HIDDEN
from proxmox_mcp.untrusted import exactly, flat, one_line, shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxmox_mcp.policy.call import Call
    from proxmox_mcp.record.redaction import Redactor

HOW_TO_CONFIRM = (
    "To go ahead, make the same call with `confirm` set to the token. The token shows that this effect was stated; "
    "it does not show that a person agreed. Ask the user first."
)
_MOST_NAMED = 12
_LONGEST_NAME, _LONGEST_DETAIL = 80, 400
_COMPOSED = frozenset({"disks", "snapshots", "backups", "state"})
"""Details in words of ours, whose names are quoted where they are put together."""
_LONGEST_VALUE = 2000
"""Characters of one parameter: whoever confirms a command or a list of users must see all of it."""
_CODE = frozenset({"command", "input-data"})
_LONGEST_CODE = 400_000
"""Characters of what runs in a guest, with each line break as two and each character that does not show as up to ten:
nothing that runs may be hidden from the person who confirms it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One thing that a call hits, as it is now.

    ``identity`` makes it this one and no other; ``state`` is only shown. ``unread`` says why it could not be read.
    Names in it are untrusted text, and are quoted when shown.
    """

    kind: str
    id: str
    identity: Mapping[str, str] = field(default_factory=dict)
    state: Mapping[str, str] = field(default_factory=dict)
    unread: str = ""

    def __str__(self) -> str:
        head = f"{self.kind} {shown(self.id)}"
        if self.unread:
            return f"{head}: its state could not be read ({flat(self.unread)})"
        known = {**self.identity, **self.state}
        name = known.pop("name", "")
        details = "; ".join(f"{key} {_detail(key, text)}" for key, text in known.items() if text)
        return head + (f" {shown(name, _LONGEST_NAME)}" if name else "") + (f": {details}" if details else "")


def _detail(key: str, text: str) -> str:
    return text if key in _COMPOSED else shown(text, _LONGEST_DETAIL)


@dataclass(frozen=True, slots=True)
class Statement:
    """What a call would do: ``text`` for whoever confirms, ``identity`` for whoever compares."""

    text: str
    identity: str

    def fingerprint(self) -> str:
        return hashlib.sha256(self.identity.encode("utf-8", "surrogatepass")).hexdigest()


_EFFECTS = {
    Risk.READ: "only reads",
    Risk.INSIDE: "reads inside a guest, a backup or an image",
    Risk.OUTREACH: "makes the node reach out to another machine",
    Risk.CHANGE: "changes the cluster",
    Risk.DISRUPT: "disrupts what runs",
    Risk.DESTROY: "destroys; this can't be undone",
    Risk.EXECUTE: "runs code or opens a terminal",
    Risk.ACCESS: "changes who may do what",
}


def state(call: Call, subjects: Sequence[Subject], redactor: Redactor) -> Statement:
    """The statement for one call. ``subjects``: what it hits, read at this moment."""
    judgement = call.judgement
    name = f"{call.method} {one_line(call.path.text, 400)}"
    lines = [f"{name} {_EFFECTS[judgement.risk]} ({judgement.why})."]
    if not judgement.reviewed and not call.template:
        lines = [f"{name}: unknown path. What it does is unknown; it counts as a call that {_EFFECTS[judgement.risk]}."]
    lines += [f"Hits {subject}." for subject in subjects]
    sent = redactor.data(dict(call.data), call.template)
    if sent:
        values = (f"{one_line(name)}={_value(name, value, call.data[name])}" for name, value in sent.items())
        lines.append(f"With {', '.join(values)}.")
    identity = [[subject.kind, subject.id, dict(subject.identity), bool(subject.unread)] for subject in subjects]
    return Statement("\n".join(lines), json.dumps(identity, sort_keys=True))


_VOLUME_KEYS = re.compile(r"(?:ide|sata|scsi|virtio|efidisk|tpmstate|unused|mp)\d+|rootfs")


def guest(
    vmid: int | str,
    config: Mapping[str, Any],
    *,
    kind: str = "VM",
    node: str = "",
    status: str = "",
    snapshots: Sequence[Mapping[str, Any]] = (),
    backups: Sequence[Mapping[str, Any]] | None = None,
) -> Subject:
    """A guest from Proxmox's answers: ``.../config``, its status, ``.../snapshot``, and its backups' content entries.

    ``backups`` None: not looked up. ``kind`` is ``VM`` or ``container``.
    """
    volumes = volumes_of(config)
    uuid = re.search(r"uuid=([0-9A-Fa-f-]{36})", str(config.get("smbios1", "")))
    names = sorted(str(entry.get("name")) for entry in snapshots if entry.get("name") != "current")
    identity = {
        "name": str(config.get("name") or config.get("hostname") or ""),
        "uuid": uuid[1].lower() if uuid else str(config.get("vmgenid", "")),
        "disks": _several([f"{key}={volume}" for key, volume in volumes.items()]) or "none",
        "snapshots": _several(names) or "none",
    }
    sizes = [found[1] for key in volumes if (found := re.search(r"size=([\d.]+[KMGT]?)", str(config[key])))]
    state = {
        "on": node,
        "status": status,
        "size": "+".join(sizes),
        "protection": "on" if str(config.get("protection", "0")) == "1" else "",
        "backups": "" if backups is None else _backups(backups),
    }
    return Subject(kind=kind, id=str(vmid), identity=identity, state=state)


def volumes_of(config: Mapping[str, Any]) -> dict[str, str]:
    """The volume of each drive of a guest, without CD drives: ``{"scsi0": "local-lvm:vm-100-disk-0"}``."""
    return {
        key: str(value).split(",", 1)[0]
        for key, value in sorted(config.items())
        if _VOLUME_KEYS.fullmatch(key) and "media=cdrom" not in str(value)
    }


def _backups(backups: Sequence[Mapping[str, Any]]) -> str:
    if not backups:
        return "none"
    newest = max(backups, key=lambda entry: int(entry.get("ctime") or 0))
    return f"{len(backups)}, the newest {shown(str(newest.get('volid', '')), _LONGEST_DETAIL)}"


def _several(names: Sequence[str]) -> str:
    """The names, each quoted where it is more than a token; of many the first, and a digest of all."""
    listed = ", ".join(shown(name, _LONGEST_DETAIL) for name in names[:_MOST_NAMED])
    if len(names) <= _MOST_NAMED:
        return listed
    digest = hashlib.sha256("\0".join(names).encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{listed} and {len(names) - _MOST_NAMED} more (#{digest})"


def _value(name: str, value: Any, sent: Any) -> str:
    """A parameter without its secrets. Where those are parts of a text, it says how much of it is not seen."""
    if sent == []:
        return "[]"
    kept, whole = ", ".join(as_texts(value)), ", ".join(as_texts(sent))
    if name == "command" and isinstance(sent, list):  # Which words are one argument makes all the difference.
        kept, whole = (json.dumps(list(as_texts(each)), ensure_ascii=False) for each in (value, sent))
    told = exactly(kept, _LONGEST_CODE if name in _CODE else _LONGEST_VALUE)
    if kept in (whole, HIDDEN):
        return told
    return f"{told} ({len(whole) - len(kept.replace(HIDDEN, ''))} characters of it hidden as secrets)"
