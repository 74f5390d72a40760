"""What is searched: for each endpoint its texts, as units, by field."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from proxmox_mcp.search.intents import Intent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from proxmox_mcp.apidoc.model import Endpoint
    from proxmox_mcp.search.intents import Key
    from proxmox_mcp.search.vocabulary import Reader, Unit

_PLACEHOLDER = re.compile(r"\{[^}]*\}")
_NOTHING = Intent("")


@dataclass(frozen=True, slots=True)
class Phrase:
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
    units = reader.units
    description, names = _facts(endpoint)
    phrases = [Phrase(units(phrase)) for phrase in (*intent.phrases, intent.does) if phrase]
    of_parameters = [
        Phrase(units(phrase), name) for name, wordings in intent.parameters.items() for phrase in (name, *wordings)
    ]
    segments = [s for s in endpoint.path.split("/") if s and not _PLACEHOLDER.fullmatch(s)]
    fields = {
        "intents": tuple(unit for phrase in phrases for unit in phrase.units),
        "asked": tuple(unit for phrase in of_parameters for unit in phrase.units),
        "path": units(" ".join(segments)),
        "leaf": units(segments[-1] if segments else ""),
        "name": units(endpoint.name.replace("_", " ")),
        "parameters": units(" ".join(name for name in names if name not in endpoint.path_parameters)),
        "description": units(description),
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
