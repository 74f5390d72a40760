"""What a condition of a review can't say as text: the kinds of volumes, paths, and the live state.

A predicate answers True, False, or None where it can't be decided; None counts as True.
"""

# Tested through tests/policy/test_effects.py.

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from proxmox_mcp.policy.values import ALIASES, list_members, members, number, property_values, texts, volume_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NEW = re.compile(r"[^/\s:]+:(?:\d*(?:\.\d+)?|cloudinit)")
_OWNED = re.compile(r"(?:vm|base|subvol|basevol)-(\d+)-")
_SLOT = re.compile(r"(?:ide|sata|scsi|virtio|efidisk|tpmstate|unused|mp)\d+|rootfs")


Fact = Literal[
    "config", "identity", "groups", "other_administrators", "taken", "carries_rights", "retention", "removes_backups"
]


class LiveFacts(Struct, frozen=True, kw_only=True):
    """What was read of the live state, None where it was not (or could not be) read.

    - ``config``: the configuration that the call changes, by key, with values that are still pending
    - ``identity``: the user or token in use; ``groups``: those that its user is in
    - ``other_administrators``: whether anybody besides those that the call touches has the role Administrator on ``/``
    - ``taken``: whether what the call creates is there already
    - ``carries_rights``: whether anybody has rights on the pool that gets new members
    - ``retention``: the ``prune-backups`` in force for the storage of a backup, empty where it keeps all
    - ``removes_backups``: whether backups go if the run that the call begins or sets up were now
    """

    config: Mapping[str, Any] | None = None
    identity: str | None = None
    groups: frozenset[str] | None = None
    other_administrators: bool | None = None
    taken: bool | None = None
    carries_rights: bool | None = None
    retention: str | None = None
    removes_backups: bool | None = None


class GivenParameter(Struct, frozen=True):
    """One parameter of a call, with the rest of the call and what is known of the live state."""

    name: str
    value: object
    path_params: Mapping[str, str]
    data: Mapping[str, Any]
    facts: LiveFacts

    def about(self, name: str, value: object) -> GivenParameter:
        """The same of another parameter."""
        return GivenParameter(name, value, self.path_params, self.data, self.facts)

    @property
    def volume(self) -> str:
        return volume_of(self.name, self.value)

    @property
    def current(self) -> str | None:
        """The value that the parameter has now, empty for none; None where it is not known."""
        config = self.facts.config
        return None if config is None else ",".join(texts(config.get(self.name)))


def _host_path(asked: GivenParameter) -> bool:
    """An absolute path: a file, directory or device of the node, as is ``cdrom`` in the place of a volume. The mount
    point inside a container is not one."""
    imported = property_values(asked.name, asked.value).get("import-from", [])
    return asked.volume == "cdrom" or any(
        text.startswith("/") for text in (*texts(asked.value), asked.volume, *imported)
    )


def _another_guests_volume(asked: GivenParameter) -> bool:
    """A volume that carries another guest's number. Of a linked clone's name the last part is its own; on directories
    the folder says whose a file with any name is (``PVE::Storage::Plugin::parse_volname``)."""
    *_, folder, name = ["", *asked.volume.replace(":", "/").split("/")]
    owned = _OWNED.match(name)
    owner = owned[1] if owned else number(folder)
    own = asked.path_params.get("vmid") or "".join(texts(asked.data.get("vmid")))
    return owner.isdecimal() and number(owner) != number(own)


def _replaces_volume(asked: GivenParameter) -> bool | None:
    """Another volume is in this slot now, which the call detaches."""
    return None if asked.current is None else _is_disk(asked.name, asked.current) and not _same_volume(asked)


def _same_volume(asked: GivenParameter) -> bool:
    return _NEW.fullmatch(asked.volume) is None and asked.volume == volume_of(asked.name, asked.current)


def _deletes_volume(asked: GivenParameter) -> bool | None:
    """``delete`` names a slot that holds a volume; a CD drive holds none of its own."""
    names = (ALIASES.get(name, name) for name in list_members(asked.value))
    slots = [name for name in names if _SLOT.fullmatch(name)]
    config = asked.facts.config
    if slots and config is None:
        return None
    return any(_is_disk(slot, config.get(slot)) for slot in slots) if config else False


def _is_disk(name: str, value: object) -> bool:
    return ":" in volume_of(name, value) and property_values(name, value).get("media") != ["cdrom"]


def _replaces_value(asked: GivenParameter) -> bool | None:
    """The parameter has another value now."""
    current = asked.current
    if current is None:
        return None
    return bool(current) and property_values(asked.name, current) != property_values(asked.name, asked.value)


def _new_value(asked: GivenParameter) -> bool | None:
    """The parameter has another value now, or none."""
    current = asked.current
    return None if current is None else property_values(asked.name, current) != property_values(asked.name, asked.value)


def _is_set_now(asked: GivenParameter) -> bool | None:
    return None if asked.current is None else bool(asked.current)


def _loses_members(asked: GivenParameter) -> bool | None:
    """A list that loses a member. An empty one means all of them, which is the most there can be."""
    if asked.current is None:
        return None
    given = set(list_members(asked.value))
    return bool(given) and (not asked.current or not given.issuperset(members(asked.current)))


def _was_firewalled(asked: GivenParameter) -> bool | None:
    """The network card passes through the firewall now."""
    return None if asked.current is None else "1" in property_values(asked.name, asked.current).get("firewall", [])


def _prunes(asked: GivenParameter) -> bool | None:
    """The retention in force removes backups."""
    if asked.facts.retention is None:
        return None
    kept = property_values("prune-backups", asked.facts.retention)
    return bool(kept) and kept.get("keep-all") != ["1"]


def _removes_backups(asked: GivenParameter) -> bool | None:
    """Backups that are there now go with the run that the call begins or sets up."""
    return asked.facts.removes_backups


def _taken(asked: GivenParameter) -> bool | None:
    return asked.facts.taken


def _carries_rights(asked: GivenParameter) -> bool | None:
    return asked.facts.carries_rights


def _own_identity(asked: GivenParameter) -> bool | None:
    """The call touches the user or token that this server itself uses, or a group of that user."""
    identity, groups, path = asked.facts.identity, asked.facts.groups, asked.path_params
    if identity is None:
        return None
    if "tokenid" in path:
        return identity == f"{path.get('userid', '')}!{path['tokenid']}"
    user = identity.partition("!")[0]
    if "userid" in path:
        return path["userid"] == user
    if not {identity, user}.isdisjoint(_named(asked, "users", "tokens", "userid")):
        return True
    named = _named(asked, "groups", "groupid")
    return None if named and groups is None else not named.isdisjoint(groups or ())


def _named(asked: GivenParameter, *keys: str) -> set[str]:
    given = (asked.data.get(key, asked.path_params.get(key)) for key in keys)
    return {member for value in given for member in list_members(value)}


def _last_administrator(asked: GivenParameter) -> bool | None:
    others = asked.facts.other_administrators
    return None if others is None else not others


FACTS_OF: Mapping[str, tuple[Fact, ...]] = {
    **dict.fromkeys(("replaces-volume", "deletes-volume", "replaces-value", "new-value"), ("config",)),
    **dict.fromkeys(("is-set-now", "loses-members", "was-firewalled"), ("config",)),
    "prunes": ("retention",),
    "removes-backups": ("removes_backups",),
    "taken": ("taken",),
    "carries-rights": ("carries_rights",),
    "own-identity": ("identity", "groups"),
    "last-administrator": ("other_administrators",),
}
"""The facts that a predicate needs; those that are not named need none."""

UNKNOWN = LiveFacts()
"""Nothing was read: every predicate that needs a fact counts as true."""

PREDICATES: Mapping[str, Callable[[GivenParameter], bool | None]] = {
    "host-path": _host_path,
    "another-guests-volume": _another_guests_volume,
    "replaces-volume": _replaces_volume,
    "deletes-volume": _deletes_volume,
    "replaces-value": _replaces_value,
    "new-value": _new_value,
    "is-set-now": _is_set_now,
    "loses-members": _loses_members,
    "was-firewalled": _was_firewalled,
    "prunes": _prunes,
    "removes-backups": _removes_backups,
    "taken": _taken,
    "carries-rights": _carries_rights,
    "own-identity": _own_identity,
    "last-administrator": _last_administrator,
}
