"""What is searched: for each endpoint its texts, as units, by field."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from proxmox_mcp.search.intents import Intent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from proxmox_mcp.apidoc.model import Endpoint
    from proxmox_mcp.search.intents import Key
    from proxmox_mcp.search.vocabulary import Reader, Unit

_PLACEHOLDER = re.compile(r"\{[^}]*\}")
_NOTHING = Intent("")


class Phrase(NamedTuple):
    """One way of asking, as units; ``parameter`` is empty where it asks for the endpoint itself."""

    units: tuple[Unit, ...]
    parameter: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """The texts of one endpoint: units by the name of the field, and its phrases one by one."""

    fields: Mapping[str, tuple[Unit, ...]]
    phrases: tuple[Phrase, ...]


def documents(endpoints: Sequence[Endpoint], intents: Mapping[Key, Intent], reader: Reader) -> list[Document]:
    """A document for each endpoint, in their order."""
    return [_document(each, intents.get((each.method, each.path), _NOTHING), reader) for each in endpoints]


def _document(endpoint: Endpoint, intent: Intent, reader: Reader) -> Document:
    description, names = _facts(endpoint)
    segments = [s for s in endpoint.path.split("/") if s and not _PLACEHOLDER.fullmatch(s)]
    own = [name for name in names if name not in endpoint.path_parameters]
    asked = [(name, text) for name, texts in intent.parameters.items() for text in (name, *texts)]
    path, leaf, name, parameters, does, *wordings = reader.lines(
        [
            " ".join(segments),
            segments[-1] if segments else "",
            endpoint.name.replace("_", " "),
            " ".join(own),
            intent.does,
            *intent.phrases,
            *(text for _, text in asked),
        ]
    )
    phrases = [Phrase(units) for units in (does, *wordings[: len(intent.phrases)])]
    of_parameters = [
        Phrase(units, name) for (name, _), units in zip(asked, wordings[len(intent.phrases) :], strict=True)
    ]
    fields = {
        "intents": tuple(chain.from_iterable(phrase.units for phrase in phrases)),
        "asked": tuple(chain.from_iterable(phrase.units for phrase in of_parameters)),
        "path": path,
        "leaf": leaf,
        "name": name,
        "parameters": parameters,
        "description": reader.units(description) if description else (),
    }
    return Document(fields, tuple(phrase for phrase in (*phrases, *of_parameters) if phrase.units))


def _facts(endpoint: Endpoint) -> tuple[str, list[str]]:
    """The description and the names of the parameters, from the line of the index.

    Asking the endpoint for them would make the whole schema of every endpoint, which takes four times as long.
    """
    facts = json.loads(endpoint.facts)
    return facts.get("description", ""), list(dict.fromkeys(_names(facts["parameters"])))


def _names(schema: Mapping[str, Any]) -> Iterator[str]:
    yield from schema.get("properties", ())
    for part in (*schema.get("allOf", ()), *schema.get("oneOf", ())):
        yield from _names(part)
