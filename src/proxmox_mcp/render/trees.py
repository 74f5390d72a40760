"""Trees: records that hold more records as ``children``, as rows for tables, one for each level.

Ceph's OSDs by root and host, the devices of a ZFS pool or a volume group, the volumes of a backup job's guests: nested,
the leaves would be cut first, though they are what is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CHILDREN, _PARENT = "children", "parent"
_NAMES = ("name", "id")
"""The field that names a record, the first that it has."""
_DEEPEST = 16
"""Levels below which records stay nested: no answer of Proxmox has more than five."""


class Rows(list[dict[str, Any]]):
    """The records of a tree, level by level, each with the name of its parent; ``sizes`` counts those of a level."""

    def __init__(self, levels: list[list[dict[str, Any]]]) -> None:
        super().__init__(row for level in levels for row in level)
        self.sizes = tuple(map(len, levels))

    def levels(self) -> Iterator[list[dict[str, Any]]]:
        """The rows of each level."""
        start = 0
        for size in self.sizes:
            yield self[start : start + size]
            start += size


def without_trees(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """The record with each tree in it, or in its objects, as ``Rows``. Linear in the record."""
    return _flat(record, _DEEPEST)


def _flat(record: Mapping[str, Any], depth: int) -> Mapping[str, Any]:
    changed: dict[str, Any] = {}
    for name, value in record.items():
        if name == _CHILDREN and _is_tree(value):
            changed[name] = _rows(value)
        elif isinstance(value, dict) and depth and (flat := _flat(value, depth - 1)) is not value:
            changed[name] = flat
    return {**record, **changed} if changed else record


def _is_tree(value: Any) -> bool:
    """Whether it is a list of records, of which at least one has records below it."""
    return _are_records(value) and any(_are_records(each.get(_CHILDREN)) for each in value)


def _are_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) and each for each in value)


def _rows(top: list[dict[str, Any]]) -> Rows:
    levels: list[list[dict[str, Any]]] = []
    below = [("", record) for record in top]
    while below:
        here, below = below, []
        levels.append([])
        for parent, record in here:
            children = record.get(_CHILDREN)
            is_open = len(levels) < _DEEPEST and (_are_records(children) or children == [])
            row = {key: value for key, value in record.items() if key != _CHILDREN or not is_open}
            levels[-1].append({**row, _PARENT: parent} if parent and _PARENT not in row else row)
            if is_open:
                name = next((record[key] for key in _NAMES if record.get(key) is not None), "")
                below += [(str(name), each) for each in children or ()]
    return Rows(levels)
