"""What a condition of a review can't say as text: the kinds of volumes, addresses, and the live state.

A predicate answers True, False, or None where it can't be decided; None counts as True.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Predicate = Callable[[str, object, Mapping[str, str], Mapping[str, Any], "Facts"], bool | None]

_SEPARATORS = re.compile(r"[\s,;\0]+")
_BOOLEANS = {"on": "1", "yes": "1", "true": "1", "off": "0", "no": "0", "false": "0"}
_OWNED = re.compile(r"(?:^|[/:])(?:vm|base|subvol|basevol)-(\d+)-")
_DEVICE = re.compile(r"(?:ide|sata|scsi|virtio|efidisk|tpmstate|unused|mp)\d+|rootfs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was read of the live state, None where it was not (or could not be) read.

    ``config``: the configuration that the call changes, by key. ``identity``: the user or token in use.
    ``administrators``: everybody with the role Administrator on ``/`` besides those that the call touches.
    ``empty``: whether the object that a deletion removes holds nothing (a pool without members).
    """

    config: Mapping[str, Any] | None = None
    identity: str | None = None
    other_administrators: bool | None = None
    empty: bool | None = None


def texts(value: object) -> Iterator[str]:
    """A value as Proxmox gets it: booleans as 1 and 0, nothing for null, each member of a list."""
    if isinstance(value, bool):
        yield "1" if value else "0"
    elif isinstance(value, list | tuple):
        for member in value:
            yield from texts(member)
    elif value is not None:
        yield str(value)


def members(text: str) -> list[str]:
    """The members of a list as ``PVE::Tools::split_list`` takes it apart."""
    return [member for member in _SEPARATORS.split(text) if member]


def property_values(value: object) -> dict[str, str]:
    """A property string by key, a bare part under ``bare``; booleans as 1 and 0, whatever the schema says of them."""
    found: dict[str, str] = {}
    for text in texts(value):
        for part in text.split(","):
            key, equals, inner = part.partition("=")
            if equals:
                found[key.strip()] = _BOOLEANS.get(inner.lower(), inner)
            elif part.strip():
                found.setdefault("bare", _BOOLEANS.get(part.lower(), part))
    return found


def _volume(value: object) -> str:
    values = property_values(value)
    return values.get("file") or values.get("volume") or values.get("bare") or ""


def _new_volume(_: str, value: object, *__: Any) -> bool:
    """``STORAGE:SIZE`` or ``STORAGE:`` with ``import-from`` allocates a volume (``PVE::QemuServer::Drive``)."""
    return re.fullmatch(r"[^/\s:]+:\d*(?:\.\d+)?", _volume(value)) is not None


def _host_path(_: str, value: object, *__: Any) -> bool:
    """An absolute path: a file, directory or device of the node."""
    return any(member.startswith("/") for text in texts(value) for member in {text, _volume(text)})


def _of_another_guest(
    _: str, value: object, path_params: Mapping[str, str], data: Mapping[str, Any], __: Facts
) -> bool:
    """A volume that carries another guest's number."""
    own = path_params.get("vmid") or str(data.get("vmid", ""))
    return any(found[1] != own for found in _OWNED.finditer(_volume(value)))


def _existing_volume(name: str, value: object, *rest: Any) -> bool:
    """A volume that is there already: attached, not allocated."""
    volume = _volume(value)
    return ":" in volume and not volume.startswith("/") and not _new_volume(name, value, *rest)


def _current(name: str, facts: Facts) -> str | None:
    return None if facts.config is None else str(facts.config.get(name, ""))


def _replaces_volume(
    name: str, value: object, _: Mapping[str, str], __: Mapping[str, Any], facts: Facts
) -> bool | None:
    """Another volume is in this slot now, which the call detaches."""
    current = _current(name, facts)
    if current is None:
        return None
    there = _volume(current)
    holds = ":" in there and property_values(current).get("media") != "cdrom"
    return holds and there != _volume(value)


def _deletes_volume(_: str, value: object, __: Mapping[str, str], ___: Mapping[str, Any], facts: Facts) -> bool | None:
    """``delete`` names a slot that holds a volume (CD drives aside)."""
    slots = [name for text in texts(value) for name in members(text) if _DEVICE.fullmatch(name)]
    if not slots:
        return False
    if facts.config is None:
        return None
    config = facts.config
    return any(
        ":" in _volume(config.get(slot)) and property_values(config.get(slot)).get("media") != "cdrom" for slot in slots
    )


def _own_identity(
    _: str, value: object, path_params: Mapping[str, str], data: Mapping[str, Any], facts: Facts
) -> bool | None:
    """The call touches the user or token that this server itself uses."""
    if facts.identity is None:
        return None
    user = facts.identity.partition("!")[0]
    named = {
        path_params.get("userid", ""),
        *(m for key in ("users", "tokens", "userid") for t in texts(data.get(key)) for m in members(t)),
    }
    return user in named or facts.identity in named


def _last_administrator(*rest: Any) -> bool | None:
    facts: Facts = rest[-1]
    return None if facts.other_administrators is None else not facts.other_administrators


def _holds_something(*rest: Any) -> bool | None:
    facts: Facts = rest[-1]
    return None if facts.empty is None else not facts.empty


PREDICATES: Mapping[str, Predicate] = {
    "new-volume": _new_volume,
    "host-path": _host_path,
    "another-guests-volume": _of_another_guest,
    "existing-volume": _existing_volume,
    "replaces-volume": _replaces_volume,
    "deletes-volume": _deletes_volume,
    "own-identity": _own_identity,
    "last-administrator": _last_administrator,
    "holds-something": _holds_something,
}
