"""Finds the template of a path, as ``PVE::RESTHandler::map_path_to_methods`` does.

Case matters. A parameter takes any segment without blanks. Two parameters take the rest of the path, slashes included;
``apidoc.js`` does not say so (``fragmentDelimiter`` in PVE::API2::Storage::Config and PVE::API2::Firewall::IPSet).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, Protocol

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from proxmox_mcp.apidoc.model import Endpoint, Method
    from proxmox_mcp.apidoc.path import ApiPath

_TAKES_THE_REST = ("/storage/{storage}/content/{volume}", "/firewall/ipset/{name}/{cidr}")
# ASCII only: PVE::APIServer never decodes UTF-8 in paths, so other blanks arrive as bytes that \s does not match.
_BLANK = re.compile(r"[ \t\n\v\f\r]")
_PARAMETER = re.compile(r"\{([^{}]+)\}")


class Route(NamedTuple):
    """A path of the API: its template, its methods, and the values of its parameters."""

    template: str
    methods: Mapping[Method, Endpoint]
    params: dict[str, str]


class DeadEnd(Struct, frozen=True):
    """A path that the API does not have: its known part, the first unknown segment, and what is possible there.

    ``reached`` is the template of the known part (at least ``/``), ``params`` the values of its parameters.
    ``segment`` is the first unknown segment; empty if the path ends before an endpoint. ``choices`` are the literal
    segments and ``parameter`` the parameter (or empty) that may come next; ``rest`` is what follows ``segment``.
    """

    reached: str
    params: dict[str, str]
    segment: str
    rest: tuple[str, ...]
    choices: tuple[str, ...]
    parameter: str


class _Node(Struct):
    template: str
    methods: dict[Method, Endpoint] = field(default_factory=dict)
    literals: dict[str, _Node] = field(default_factory=dict)
    parameter: str = ""
    child: _Node | None = None
    takes_rest: bool = False

    def grow(self, part: str) -> _Node:
        """The node below this one for the next part of a template."""
        template = f"{self.template}/{part}"
        named = _PARAMETER.fullmatch(part)
        if named is None:
            return self.literals.setdefault(part, _Node(template))
        if self.child is None:
            self.parameter = named[1]
            self.child = _Node(template, takes_rest=template.endswith(_TAKES_THE_REST))
        return self.child


class Router:
    """A tree of path segments; finds the template of a path in a few microseconds."""

    __slots__ = ("_root",)

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._root = _Node("")
        for endpoint in endpoints:
            node = self._root
            for part in endpoint.path.split("/"):
                if part:
                    node = node.grow(part)
            node.methods[endpoint.method] = endpoint

    def find(self, path: ApiPath) -> Route | DeadEnd:
        """The route of a path; its query is ignored."""
        parts = path.segments
        blanks = "%" in path.encoded and any(map(_BLANK.search, parts))
        node = self._root
        params: dict[str, str] = {}
        for position, part in enumerate(parts):
            if (literal := node.literals.get(part)) is not None:
                node = literal
                continue
            child = node.child
            if child is not None and child.takes_rest:
                part, parts = "/".join(parts[position:]), parts[:position]
            if child is None or (blanks and _BLANK.search(part)):
                return _dead_end(node, params, [part, *parts[position + 1 :]])
            params[node.parameter] = part
            node = child
            if child.takes_rest:
                break
        return Route(node.template, node.methods, params) if node.methods else _dead_end(node, params, [])


def _dead_end(node: _Node, params: dict[str, str], left: list[str]) -> DeadEnd:
    return DeadEnd(
        reached=node.template or "/",
        params=params,
        segment=left[0] if left else "",
        rest=tuple(left[1:]),
        choices=tuple(node.literals),
        parameter=node.parameter,
    )


class Index(Protocol):
    """The part of ``EndpointIndex`` that validation needs."""

    @property
    def endpoints(self) -> tuple[Endpoint, ...]: ...
    @property
    def version(self) -> str: ...
    @property
    def router(self) -> Router: ...
    def get(self, method: str, path: str) -> Endpoint | None: ...
    def route(self, path: ApiPath | str) -> Route | DeadEnd: ...
