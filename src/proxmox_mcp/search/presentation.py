"""The answer to a question as text: the same for the tool ``search_api`` and the command ``proxmox-mcp search``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from proxmox_mcp.apidoc.reference.endpoint import render_reference, starts_task
from proxmox_mcp.apidoc.reference.parameters import brief, keys_of
from proxmox_mcp.apidoc.reference.privileges import needed
from proxmox_mcp.apidoc.validation.structures import structures
from proxmox_mcp.search.api_names import named_in
from proxmox_mcp.search.browse import exact
from proxmox_mcp.search.grouping import group
from proxmox_mcp.search.text import words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from proxmox_mcp.apidoc import Endpoint, Schema
    from proxmox_mcp.apidoc.reference.parameters import Keys
    from proxmox_mcp.search.grouping import HitGroup
    from proxmox_mcp.search.searcher import Hit, Searcher

    Denial = Callable[[Endpoint], str]
    """Why the identity in use may not call an endpoint; empty where it may, or where that is unknown."""

_HITS_PER_GROUP = 3
"""Hits fetched for each group that is shown, since a group merges several."""
_IN_DETAIL = 2
"""The first hits also name parameters that the question does not ask for: one of them is nearly always right."""
_MOST_PARAMETERS, _MOST_NAMED = 5, 3
_LONGEST_LINE, _LONGEST_NEEDS = 130, 100
_NOT_ALLOWED = "not allowed to this token"


def allowed(_: Endpoint) -> str:
    """The ``Denial`` where nothing is known of the identity."""
    return ""


class SearchAnswer(Struct, frozen=True):
    """What is shown for a question; ``fits`` is false where nothing was found."""

    text: str
    fits: bool = True


def answer(
    searcher: Searcher, query: str, method: str = "", limit: int = 5, *, denial: Denial = allowed, next_step: str = ""
) -> SearchAnswer:
    """The endpoints that fit a question, best first; one in full where the question names it by its path.

    ``next_step`` is the last line below hits: how to get the full reference of one.
    """
    if (named := exact(searcher.index.endpoints, query, method)) is not None:
        return SearchAnswer(reference(searcher, named, denial))
    results = searcher.find(query, limit * _HITS_PER_GROUP, method)
    lines = []
    if results.absent is not None:
        lines.append(f"The API has no endpoint for this. {results.absent.instead}")
    if results.corrections:
        lines.append(_corrected(results.corrections))
    groups = group(results.hits)[:limit]
    if not groups:
        lines.append("Nothing fits. Ask in other words, or give the beginning of a path to browse.")
        return SearchAnswer("\n".join(lines), fits=False)
    if not results.confident and results.absent is None:
        lines.append("Not sure that any of these fits; other words may find better:")
    asked = Question(query, frozenset(words(query)), structures(searcher.index.version))
    lines.append(render_hits(groups, asked, denial))
    return SearchAnswer("\n".join(filter(None, [*lines, next_step])), fits=results.absent is None)


def reference(searcher: Searcher, endpoint: Endpoint, denial: Denial = allowed) -> str:
    """One endpoint in full, with a last line where the identity in use may not call it."""
    text = render_reference(endpoint, searcher.summary(endpoint), searcher.index.version)
    return "\n".join(filter(None, (text, denial(endpoint))))


def _corrected(corrections: Sequence[tuple[str, str]]) -> str:
    """What unknown words of a question were read as: the reader sees where the search may have gone wrong."""
    return f"Read {', '.join(f'`{word}` as `{meant}`' for word, meant in corrections)}."


class Question(Struct, frozen=True):
    """A question, its words, and the keys of the property strings of the version that it is about."""

    query: str
    words: frozenset[str]
    structures: Mapping[str, Keys]


def render_hits(groups: Sequence[HitGroup], asked: Question, denial: Denial = allowed) -> str:
    """Groups of hits, each in two to four lines: method and path, what it does, what it takes and needs.

    Five of them stay within 450 cl100k tokens.
    """
    return "\n".join(_hit(number, each, asked, denial) for number, each in enumerate(groups, 1))


def _hit(number: int, group: HitGroup, asked: Question, denial: Denial) -> str:
    endpoint = group.best.endpoint
    twins = f" (also {', '.join(_twin(endpoint, each) for each in group.endpoints[1:])})" if group.twins else ""
    summary = _cut(group.best.summary or endpoint.description)
    is_task = starts_task(endpoint) and "task" not in summary
    marks = [mark for mark, applies in (("task", is_task), (_NOT_ALLOWED, denial(endpoint))) if applies]
    lines = [f"{number}. {endpoint.method} {endpoint.path}{twins}"]
    if summary or marks:
        lines.append(f"  {summary}{' ' if summary and marks else ''}{''.join(f'[{mark}]' for mark in marks)}")
    parameters = _parameters(group.best, asked, _MOST_PARAMETERS if number <= _IN_DETAIL else 0)
    needs = needed(endpoint, short=True)
    lines.append(f"  {parameters + ' | ' if parameters else ''}{_cut(needs, _LONGEST_NEEDS)}")
    return "\n".join(lines)


def _cut(text: str, longest: int = _LONGEST_LINE) -> str:
    first = text.split("\n", 1)[0]
    return first if len(first) <= longest else first[: first.rfind(" ", 0, longest)] + " …"


def _twin(best: Endpoint, other: Endpoint) -> str:
    """What distinguishes a twin from the best: its method, the kind of guest, or the scope of its firewall."""
    method = "" if best.method == other.method else other.method
    if best.path == other.path:
        return method
    segments = other.path.split("/")
    kind = segments[3] if len(segments) > 3 and segments[3] in ("qemu", "lxc") else ""
    vnet = "vnet" if segments[1:4] == ["cluster", "sdn", "vnets"] else ""
    return f"{method} {kind or vnet or segments[1].removesuffix('s')}".strip()


def _parameters(hit: Hit, asked: Question, most: int) -> str:
    """The parameters that are required (``*``), then those that the question names, then those that people ask for most
    (up to ``most`` in all).

    The first two have their shapes: a simple call needs no reference.
    """
    parameters = {n: s for n, s in hit.endpoint.parameters.items() if n not in hit.endpoint.path_parameters}
    required = [name for name, schema in parameters.items() if not schema.optional]
    named = [hit.parameter] if hit.parameter in parameters else []
    named = [name for name in dict.fromkeys([*named, *named_in(asked.query, parameters)]) if name not in required][
        :_MOST_NAMED
    ]
    popular = [name for name in hit.popular if name in parameters and name not in (*required, *named)]
    optional = [*named, *popular][: max(len(named), most - len(required))]
    left = len(parameters) - len(required) - len(optional)
    return ", ".join(
        [
            *(_shaped(f"{name}*", parameters[name], asked) for name in required),
            *(_shaped(name, parameters[name], asked) if name in named else name for name in optional),
            *([f"+{left}"] if left else []),
        ]
    )


def _shaped(name: str, schema: Schema, asked: Question) -> str:
    return f"{name} {brief(schema, keys_of(schema, asked.structures), asked.words)}".rstrip()
