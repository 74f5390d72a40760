"""What is searched: the texts of each endpoint, by field."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from proxmox_mcp.search.intents import Intent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from proxmox_mcp.apidoc.model import Endpoint
    from proxmox_mcp.search.indexing import LinesByTerm, TermReader
    from proxmox_mcp.search.intents import Key

_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
_NOTHING = Intent("")


FACTS = ("path", "leaf", "name", "parameters", "description")
"""The first lines of a document: what the schema says about an endpoint."""


@dataclass(frozen=True, slots=True)
class Document:
    """The texts of one endpoint as lines: the facts, then phrases for it, then phrases for its parameters.

    ``places`` are the terms of the lines by their numbers. ``parameters`` are those asked for, one for each line that
    asks for one.
    """

    places: LinesByTerm
    lines: int
    parameters: tuple[str, ...] = ()

    @property
    def own(self) -> int:
        """The number of the line after the phrases for the endpoint itself."""
        return self.lines - len(self.parameters)


def documents(endpoints: Sequence[Endpoint], intents: Mapping[Key, Intent], reader: TermReader) -> list[Document]:
    """A document for each endpoint, in their order."""
    return [_document(each, intents.get((each.method, each.path), _NOTHING), reader) for each in endpoints]


def document_of(phrases: Sequence[str], reader: TermReader) -> Document:
    """A document with phrases only."""
    lines = [*("" for _ in FACTS), *phrases]
    return Document(reader.places(lines), len(lines))


def _document(endpoint: Endpoint, intent: Intent, reader: TermReader) -> Document:
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
    return Document(reader.places(lines), len(lines), tuple(name for name, _ in asked))


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
