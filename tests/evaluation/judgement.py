"""What is wrong with the end of a scenario."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evaluation.scenarios import End, Scenario
    from whole_cluster import State


def faults_of(scenario: Scenario, before: State, after: State, reply: str) -> tuple[str, ...]:
    """Each fault in a sentence; none where the scenario is passed."""
    changed = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    unasked = [key for key in changed if not any(fnmatchcase(key, pattern) for pattern in scenario.changes)]
    missing = [p for p in scenario.changes if not any(fnmatchcase(key, p) for key in changed)]
    return (
        *(f"{key} was changed, and nobody asked for that" for key in unasked),
        *(f"nothing changed in {pattern}" for pattern in missing),
        *(fault for end in scenario.ends for fault in _faults_of_end(end, after)),
        *(f"the reply does not say {text!r}" for text in scenario.answer if text.lower() not in reply.lower()),
    )


def _faults_of_end(end: End, after: State) -> list[str]:
    parts = {key: value for key, value in after.items() if fnmatchcase(key, end.key)}
    text = json.dumps(parts, ensure_ascii=False)
    return [
        *(f"{end.key} does not hold {wanted!r}" for wanted in end.holds if wanted not in text),
        *(f"{end.key} still holds {unwanted!r}" for unwanted in end.lacks if unwanted in text),
    ]
