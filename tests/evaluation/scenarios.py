"""The scenarios of the evaluation: what is asked, where it starts, and how it has to end."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
_COMMON = _HERE.parent / "scenarios" / "common_tasks.toml"


@dataclass(frozen=True)
class End:
    """Texts that the parts of the cluster whose names match ``key`` have to hold, or must not hold, afterwards."""

    key: str
    holds: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scenario:
    """A question on a demo cluster.

    ``calls`` is a scripted solution. ``start`` are calls made before the question, as (method, path, parameters);
    ``down`` is a node that is offline meanwhile. ``changes`` are patterns of the parts of the cluster that change: no
    other may, and each has to. ``answer`` are texts, whatever their case, that the reply has to hold.
    """

    name: str
    asks: str
    calls: tuple[dict[str, Any], ...]
    start: tuple[tuple[str, str, dict[str, Any]], ...]
    down: str
    changes: tuple[str, ...]
    ends: tuple[End, ...]
    answer: tuple[str, ...]


def read_scenarios() -> tuple[Scenario, ...]:
    """All of them, in their order."""
    common = tomllib.loads(_COMMON.read_text(encoding="utf-8"))["task"]
    own = tomllib.loads((_HERE / "scenarios.toml").read_text(encoding="utf-8"))["scenario"]
    return tuple(_scenario(row | (common[row["common"] - 1] if "common" in row else {})) for row in own)


def _scenario(row: dict[str, Any]) -> Scenario:
    ends = tuple(
        End(end["key"], tuple(end.get("holds", ())), tuple(end.get("lacks", ()))) for end in row.get("ends", ())
    )
    return Scenario(
        row["name"],
        row["asks"],
        tuple(row["calls"]),
        tuple((method, path, data) for method, path, data in row.get("start", ())),
        row.get("down", ""),
        tuple(row.get("changes", ())),
        ends,
        tuple(row.get("answer", ())),
    )
