"""The scripted solution of a scenario: its calls, in their order."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from evaluation.run import Reply

if TYPE_CHECKING:
    from evaluation.run import Tools
    from evaluation.scenarios import Scenario

_ABOUT_THE_ANSWER = frozenset({"tool", "holds", "lacks", "fails", "confirmed"})
_CONFIRM = re.compile(r"^confirm: (\S+)$", re.MULTILINE)


async def solve(scenario: Scenario, tools: Tools) -> Reply:
    """Make the calls; all that was answered is the reply. A call that ends as it should not fails the script."""
    read: list[str] = []
    for call in scenario.calls:
        arguments = {name: value for name, value in call.items() if name not in _ABOUT_THE_ANSWER}
        told = await tools.call(call["tool"], arguments)
        if call.get("confirmed"):
            token = _CONFIRM.search(told.text)
            assert token is not None, f"no confirmation was asked for:\n{told.text}"
            told = await tools.call(call["tool"], {**arguments, "confirm": token[1]})
        assert told.failed is call.get("fails", False), told.text
        read.append(told.text)
    return Reply("\n".join(read))
