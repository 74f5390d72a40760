"""The retention of a backup or a job in words: ``Keeps the last 7 backups of each guest on nas``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxmox_mcp.policy.values import property_values, texts
from proxmox_mcp.untrusted import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from proxmox_mcp.policy.call import Call

_RUNS = ("/nodes/{node}/vzdump", "/cluster/backup", "/cluster/backup/{id}")
_EACH = {"hourly": "hour", "daily": "day", "weekly": "week", "monthly": "month", "yearly": "year"}


def sets_up_a_run(call: Call) -> bool:
    """Whether a call begins a backup, or makes or changes a backup job."""
    return call.template in _RUNS and call.method in ("POST", "PUT")


def retention_words(call: Call, in_force: str | None = None) -> str:
    """What a backup keeps of the older ones; empty where that is not known. ``in_force``: the storage's retention."""
    if not sets_up_a_run(call):
        return ""
    place = "".join(texts(call.data.get("storage")))
    where = f" on {shown(place)}" if place else ""
    if "0" in texts(call.data.get("remove")):
        return f"Removes no backup{where}"
    given = call.data.get("prune-backups", in_force)
    if given is None:
        return ""
    kept = property_values("prune-backups", given)
    if not kept or kept.get("keep-all") == ["1"]:
        return f"Keeps all backups{where}"
    words = [f"the last {number}" for number in _numbers(kept.get("keep-last", ()))]
    words += [
        f"one for each of the last {number} {each}s"
        for name, each in _EACH.items()
        for number in _numbers(kept.get(f"keep-{name}", ()))
    ]
    return f"Keeps {', '.join(words)} backups of each guest{where}" if words else ""


def _numbers(found: Iterable[str]) -> list[str]:
    return [number for number in found if number.isdecimal() and number != "0"]
