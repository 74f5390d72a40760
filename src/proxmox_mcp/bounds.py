"""How large a value of JSON may be, measured without recursion and no further than needed."""

from __future__ import annotations

import gc
from typing import Any

from msgspec import Struct


class Bounds(Struct, frozen=True):
    """The most that a value may have: levels of nesting, members in all, characters in all."""

    depth: int
    members: int
    characters: int

    def fault(self, value: Any) -> str:
        """What there is too much of in a value, empty where it is within the bounds."""
        level, depth = [value], 0
        members = characters = 0
        while level:
            containers: list[Any] = []
            for each in level:
                if isinstance(each, str):
                    characters += len(each)
                elif isinstance(each, dict):
                    members += len(each)
                    characters += sum(len(name) for name in each if isinstance(name, str))
                    containers.append(each)
                elif isinstance(each, list | tuple):
                    members += len(each)
                    containers.append(each)
                if members > self.members:
                    return f"has more than {self.members:,} members"
                if characters > self.characters:
                    return f"is longer than {self.characters:,} characters"
            depth += bool(containers)
            if depth > self.depth:
                return f"is nested deeper than {self.depth} levels"
            level = [member for each in containers for member in (each.values() if isinstance(each, dict) else each)]
        return ""


def depth_is_beyond(value: Any, most: int) -> bool:
    """Whether a value is nested deeper than ``most`` levels."""
    level = [value]
    for _ in range(most + 1):
        level = [
            member
            for each in level
            # CPython's garbage collector passes by a dict that holds no other: nearly all records of long lists.
            if isinstance(each, (dict, list)) and gc.is_tracked(each)
            for member in (each.values() if isinstance(each, dict) else each)
            if isinstance(member, (dict, list))
        ]
        if not level:
            return False
    return True
