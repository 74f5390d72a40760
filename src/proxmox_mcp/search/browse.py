"""A question that is a path: the endpoints there and below it."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxmox_mcp.apidoc import Endpoint

_QUERY = re.compile(
    r"(?:pvesh\s+)?(?:(?P<method>get|post|put|delete|set|create|ls|usage)\s+)?(?P<path>/\S*|[a-z]+/\S*)",
    re.IGNORECASE,
)
_MENTIONED = re.compile(
    r"(?:https?://[^\s/]+)?(?P<path>/(?:api2/(?:json|extjs)/)?(?:access|cluster|nodes|pools|storage|version)\b[^\s?\"'`,;]*)"
)
_MOST_MENTIONED = 4
_PERMISSION = re.compile(r"/(?:nodes|storage|pools)(?:/[^/{}]*)?|/access(?:/[^/{}]*){0,2}")
_WRITTEN_METHOD = re.compile(r"\b(GET|POST|PUT|DELETE)\b|\bpvesh (get|create|set|delete|ls|usage)\b")
_METHODS = {"set": "PUT", "create": "POST", "ls": "", "usage": ""}
_BASE = re.compile(r"^/?api2/(?:json|extjs|html)(?=/|$)")


class PathQuery(Struct, frozen=True):
    """A path or the beginning of one, as segments, and the method that was named (or nothing)."""

    segments: tuple[str, ...]
    method: str = ""


def path_query(query: str) -> PathQuery | None:
    """The path that a question consists of: ``/nodes/pve1/qemu``, ``POST /nodes/{node}/qemu``, ``pvesh ls /pools``."""
    match = _QUERY.fullmatch(query.strip())
    if match is None:
        return None
    method = (match["method"] or "").lower()
    path = _BASE.sub("", match["path"]).partition("?")[0]
    return PathQuery(tuple(s for s in path.split("/") if s), _METHODS.get(method, method.upper()))


def mentioned(endpoints: Sequence[Endpoint], query: str) -> list[Endpoint]:
    """The endpoints of the first path or URL in a question, of the method written before it if there is one.

    ``pvesh set /cluster/options -keyboard de``, ``what does POST /nodes/{node}/qemu take``. Only a whole path counts;
    what may be the path of a permission (``/storage/local``, ``/nodes/pve1``, ``/access``) needs a method, too.
    """
    for match in islice(_MENTIONED.finditer(query), _MOST_MENTIONED):
        wanted = tuple(s for s in _BASE.sub("", match["path"]).rstrip(".:)").split("/") if s)
        pairs = [(e, s) for e in endpoints if _begins(s := _segments(e.path), wanted, whole=True)]
        at = [(e, s) for e, s in pairs if len(s) == len(wanted)]
        if at:
            fewest = min(_guesses(segments, wanted) for _, segments in at)
            methods = [found.group(found.lastindex or 0) for found in _WRITTEN_METHOD.finditer(query[: match.start()])]
            if not methods and _PERMISSION.fullmatch(match["path"]):
                continue
            method = _METHODS.get(methods[-1], methods[-1].upper()) if methods else ""
            found = [e for e, segments in at if _guesses(segments, wanted) == fewest]
            return [e for e in found if not method or e.method == method] or found
    return []


def browse(endpoints: Sequence[Endpoint], query: PathQuery) -> list[Endpoint]:
    """The endpoints of the path first, then those below it, shorter paths first; a value fits any placeholder.

    The last segment may be incomplete (``/nodes/{node}/qemu/{vmid}/sta``) if no path has it in full.
    """
    wanted = query.segments
    found = [(e, s) for e in endpoints if _begins(s := _segments(e.path), wanted, whole=True)]
    if not found:
        found = [(e, s) for e in endpoints if _begins(s := _segments(e.path), wanted, whole=False)]
    if query.method:
        found = [(e, s) for e, s in found if e.method == query.method]
    found.sort(key=lambda pair: (len(pair[1]), _guesses(pair[1], wanted)))
    return [endpoint for endpoint, _ in found]


def exact(endpoints: Sequence[Endpoint], query: str, method: str = "") -> Endpoint | None:
    """The one endpoint that a question names by its path, with a method in it or beside it (``method``)."""
    asked = path_query(query)
    if asked is None:
        return None
    wanted = method or asked.method
    found = [e for e in browse(endpoints, asked) if not wanted or e.method == wanted]
    at_the_path = [e for e in found if len(_segments(e.path)) == len(asked.segments)]
    return at_the_path[0] if len(at_the_path) == 1 and (wanted or len(found) == 1) else None


def _segments(path: str) -> tuple[str, ...]:
    return tuple(segment for segment in path.split("/") if segment)


def _begins(segments: tuple[str, ...], wanted: tuple[str, ...], *, whole: bool) -> bool:
    if len(segments) < len(wanted):
        return False
    pairs = list(zip(segments, wanted, strict=False))
    if not whole and pairs:
        segment, last = pairs.pop()
        if not segment.startswith(last):
            return False
    return all(segment == name or _is_placeholder(segment) for segment, name in pairs)


def _guesses(segments: tuple[str, ...], wanted: tuple[str, ...]) -> int:
    """How many of the wanted names were taken as values of placeholders, though a fixed name may be meant."""
    return sum(segment != name for segment, name in zip(segments, wanted, strict=False))


def _is_placeholder(segment: str) -> bool:
    return segment.startswith("{")
