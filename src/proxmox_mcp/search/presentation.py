"""The answer to a question as text: the same for the tool ``search_api`` and the command ``proxmox-mcp search``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxmox_mcp.apidoc.reference.endpoint import render_reference, starts_task
from proxmox_mcp.apidoc.reference.privileges import needed
from proxmox_mcp.search.browse import exact
from proxmox_mcp.search.grouping import group

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from proxmox_mcp.apidoc.model import Endpoint
    from proxmox_mcp.search.grouping import Group
    from proxmox_mcp.search.searcher import Hit, Searcher

    Denial = Callable[[Endpoint], str]
    """Why the identity in use may not call an endpoint; empty where it may, or where that is unknown."""

_HITS_PER_GROUP = 3
"""Hits fetched for each group that is shown, since a group merges several."""
_MOST_PARAMETERS = 5
_LONGEST_LINE = 130
_NOT_ALLOWED = "not allowed to this token"


def allowed(_: Endpoint) -> str:
    """The ``Denial`` where nothing is known of the identity."""
    return ""


@dataclass(frozen=True, slots=True)
class SearchAnswer:
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
    lines.append(render_hits(groups, denial))
    return SearchAnswer("\n".join(filter(None, [*lines, next_step])), fits=results.absent is None)


def reference(searcher: Searcher, endpoint: Endpoint, denial: Denial = allowed) -> str:
    """One endpoint in full, with a last line where the identity in use may not call it."""
    text = render_reference(endpoint, searcher.summary(endpoint), searcher.index.version)
    return "\n".join(filter(None, (text, denial(endpoint))))


def _corrected(corrections: Sequence[tuple[str, str]]) -> str:
    """What unknown words of a question were read as: the reader sees where the search may have gone wrong."""
    return f"Read {', '.join(f'`{word}` as `{meant}`' for word, meant in corrections)}."


def render_hits(groups: Sequence[Group], denial: Denial = allowed) -> str:
    """Groups of hits, each in two to four lines: method and path, what it does, what it takes and needs.

    Five of them stay within 450 cl100k tokens.
    """
    return "\n".join(_hit(number, each, denial) for number, each in enumerate(groups, 1))


def _hit(number: int, group: Group, denial: Denial) -> str:
    endpoint = group.best.endpoint
    twins = f" (also {', '.join(_twin(endpoint, each) for each in group.endpoints[1:])})" if group.twins else ""
    summary = _cut(group.best.summary or endpoint.description)
    is_task = starts_task(endpoint) and "task" not in summary
    marks = [mark for mark, applies in (("task", is_task), (_NOT_ALLOWED, denial(endpoint))) if applies]
    lines = [f"{number}. {endpoint.method} {endpoint.path}{twins}"]
    if summary or marks:
        lines.append(f"  {summary}{' ' if summary and marks else ''}{''.join(f'[{mark}]' for mark in marks)}")
    parameters = _parameters(group.best)
    needs = needed(endpoint, short=True)
    lines.append(f"  {parameters + ' | ' if parameters else ''}{_cut(needs)}")
    return "\n".join(lines)


def _cut(text: str) -> str:
    first = text.split("\n", 1)[0]
    return first if len(first) <= _LONGEST_LINE else first[: first.rfind(" ", 0, _LONGEST_LINE)] + " …"


def _twin(best: Endpoint, other: Endpoint) -> str:
    """What distinguishes a twin from the best: its method, the kind of guest, or the scope of its firewall."""
    method = "" if best.method == other.method else other.method
    if best.path == other.path:
        return method
    segments = other.path.split("/")
    kind = segments[3] if len(segments) > 3 and segments[3] in ("qemu", "lxc") else ""
    vnet = "vnet" if segments[1:4] == ["cluster", "sdn", "vnets"] else ""
    return f"{method} {kind or vnet or segments[1].removesuffix('s')}".strip()


def _parameters(hit: Hit) -> str:
    """The parameters that are required (``*``), the one that was asked for, and those that people ask for most."""
    parameters = hit.endpoint.parameters
    required = [name for name, schema in parameters.items() if not schema.optional]
    required = [name for name in required if name not in hit.endpoint.path_parameters]
    asked = [name for name in (hit.parameter, *hit.popular) if name in parameters and name not in required]
    chosen = list(dict.fromkeys(asked))[: max(1, _MOST_PARAMETERS - len(required))]
    left = len(parameters) - len(hit.endpoint.path_parameters) - len(required) - len(chosen)
    more = [f"+{left}"] if left > 0 else []
    return " ".join([*(f"{name}*" for name in required), *chosen, *more])
