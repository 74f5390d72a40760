"""A model solves a scenario: it is asked, its calls are made, until it calls nothing more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from evaluation.models import APIS, Model, Use
from evaluation.run import Reply, Told

if TYPE_CHECKING:
    from evaluation.run import Tools
    from evaluation.scenarios import Scenario

MOST_TURNS = 30
_SYSTEM = """\
You administer a Proxmox VE cluster through tools. Do what is asked, and nothing else. Where a request fits more than \
one thing, or would destroy what nobody named, change nothing and ask. End with a short answer to the question.

"""


@dataclass(frozen=True)
class Solver:
    """Solves scenarios by a model at an API of ``APIS``."""

    api: str
    model: Model

    async def __call__(self, scenario: Scenario, tools: Tools) -> Reply:
        """The last words of the model; after ``MOST_TURNS`` turns it is stopped, whatever it wants."""
        system = _SYSTEM + tools.instructions
        conversation = APIS[self.api](self.model, system, scenario.asks, await tools.listed())
        used, text = 0, ""
        for _ in range(MOST_TURNS):
            turn = await anyio.to_thread.run_sync(conversation.turn)
            used, text = used + turn.tokens, turn.text
            if not turn.uses:
                break
            conversation.answer([(use, await _made(use, tools)) for use in turn.uses])
        return Reply(text, used)


async def _made(use: Use, tools: Tools) -> Told:
    if use.arguments is None:
        return Told("The arguments are no JSON object. Nothing was called.", failed=True)
    return await tools.call(use.tool, use.arguments)
