"""What is searched: the texts of each endpoint, by field."""

# Tested through tests/search/test_searcher.py and tests/search/test_counts.py.

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from proxmox_mcp.search.intents import Intent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from proxmox_mcp.apidoc import Endpoint
    from proxmox_mcp.search.intents import Key

_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
_NOTHING = Intent("")


FACTS = ("path", "leaf", "name", "parameters", "description")
"""The first lines of a document: what the schema says about an endpoint."""


class Document(NamedTuple):
    """The lines of one endpoint: first the facts, then phrases for it, last phrases for its parameters.

    ``parameters`` are those asked for, one for each line that asks for one. ``does`` says what the endpoint does.
    """

    lines: int
    parameters: tuple[str, ...] = ()
    does: str = ""

    @property
    def own(self) -> int:
        """The number of the line after the phrases for the endpoint itself."""
        return self.lines - len(self.parameters)


class Text(NamedTuple):
    """A document with its lines as they were written."""

    document: Document
    lines: Sequence[str]


def texts_of(endpoints: Sequence[Endpoint], intents: Mapping[Key, Intent]) -> list[Text]:
    """The text of each endpoint, in their order."""
    return [_text(each, intents.get((each.method, each.path), _NOTHING)) for each in endpoints]


def text_of(phrases: Sequence[str]) -> Text:
    """A text with phrases only."""
    lines = [*("" for _ in FACTS), *phrases]
    return Text(Document(len(lines)), lines)


def _text(endpoint: Endpoint, intent: Intent) -> Text:
    description, names = _facts(endpoint)
    segments = [s for s in endpoint.path.split("/") if s and not _PLACEHOLDER.fullmatch(s)]
    asked = [(name, text) for name, texts in intent.parameters.items() for text in (name, *texts)]
    lines = [
        " ".join(segments),
        segments[-1] if segments else "",
        endpoint.name.replace("_", " "),
        " ".join(name for name in names if name not in endpoint.path_parameters),
        description.replace("\n", " "),
        intent.does,
        *intent.phrases,
        *(text for _, text in asked),
    ]
    return Text(Document(len(lines), tuple(name for name, _ in asked), intent.does), lines)


def _facts(endpoint: Endpoint) -> tuple[str, list[str]]:
    """The description and the names of the parameters, from the line of the index.

    Asking the endpoint for them would build the schema of every endpoint, which takes four times as long (measured).
    """
    facts = json.loads(endpoint.facts)
    return facts.get("description", ""), list(dict.fromkeys(parameter_names(facts["parameters"])))


def parameter_names(schema: Mapping[str, Any]) -> Iterator[str]:
    """The names of the parameters in the facts of an endpoint; those of several alternatives may come twice."""
    yield from schema.get("properties", ())
    for part in (*schema.get("allOf", ()), *schema.get("oneOf", ())):
        yield from parameter_names(part)
