"""One prompt: what a person chooses, and the text that a model then reads."""

# Tested through tests/server/test_prompts.py.

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field


class Prompt(Struct, frozen=True):
    """``description`` is what a person chooses by. ``arguments`` are described by name; all are required.

    ``text`` holds them in braces, and so do the texts in ``steps``: a plan that the model is to propose unchanged.
    """

    name: str
    title: str
    description: str
    text: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    steps: Sequence[Mapping[str, Any]] = ()

    def filled(self, arguments: Mapping[str, str]) -> str:
        """The text with its arguments, and below it the plan as JSON."""
        given = {name: arguments[name] for name in self.arguments}
        text = _filled(self.text, given)
        return f"{text}\n\n{json.dumps({'steps': _filled(list(self.steps), given)})}" if self.steps else text


def _filled(value: Any, arguments: Mapping[str, str]) -> Any:
    """The same with the arguments in place of their names, in every text of it."""
    if isinstance(value, str):
        for name, given in arguments.items():
            value = value.replace("{" + name + "}", given)
        return value
    if isinstance(value, Mapping):
        return {name: _filled(each, arguments) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, arguments) for each in value]
    return value
