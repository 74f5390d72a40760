"""Since when and until when: which bundled versions have an endpoint or a parameter.

``history.json`` beside the snapshots is made from them (``scripts/build_index.py --history``), so that a hint costs
one small file instead of every snapshot.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, cast

from proxmox_mcp.apidoc.data_files import data_directory
from proxmox_mcp.apidoc.model import Endpoint
from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.apidoc.routes import Route, Router

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.apidoc.model import Method

_PARAMETER = re.compile(r"\{[^{}]*\}")


class Past(NamedTuple):
    """A path that some bundled version has: its template, and the versions of each method there, oldest first."""

    template: str
    methods: Mapping[str, tuple[str, ...]]


def endpoint_versions(method: str, path: str) -> tuple[str, ...]:
    """The bundled versions that have an endpoint (a *template*), oldest first; empty if none has."""
    return _recorded().endpoints.get(nameless(method, path), ("", ()))[1]


def parameter_versions(method: str, path: str, name: str) -> tuple[str, ...]:
    """The bundled versions in which an endpoint (a *template*) has a parameter, oldest first.

    Empty where none has it, or all that have the endpoint have it too.
    """
    return _recorded().parameters.get(nameless(method, path), {}).get(name, ())


def find_past(path: ApiPath | str) -> Past | None:
    """What the bundled versions have at a *path*, such as ``/cluster/ha/rules``."""
    found = _router().find(ApiPath.parse(path) if isinstance(path, str) else path)
    if not isinstance(found, Route):
        return None
    return Past(found.template, {method: endpoint_versions(method, found.template) for method in found.methods})


class _Record(NamedTuple):
    endpoints: Mapping[str, tuple[str, tuple[str, ...]]]
    parameters: Mapping[str, Mapping[str, tuple[str, ...]]]


@cache
def _recorded() -> _Record:
    """By method and nameless template: the template and its versions, and the versions of the parameters."""
    endpoints: dict[str, tuple[str, tuple[str, ...]]] = {}
    parameters: dict[str, dict[str, tuple[str, ...]]] = {}
    for name, (versions, *changed) in json.loads((data_directory() / "history.json").read_bytes()).items():
        method, template = name.split(" ", 1)
        key = nameless(method, template)
        endpoints[key] = template, tuple(versions)
        for changes in changed:
            parameters[key] = {parameter: tuple(those) for parameter, those in changes.items()}
    return _Record(endpoints, parameters)


@cache
def _router() -> Router:
    """Routes over the endpoints of all bundled versions; they only lead to their names."""
    names = ((key.split(" ", 1)[0], template) for key, (template, _) in _recorded().endpoints.items())
    return Router(Endpoint(cast("Method", method), template, "", b"{}") for method, template in names)


def nameless(method: str, template: str) -> str:
    """What stays the same when a release renames a parameter of a path."""
    return f"{method} {_PARAMETER.sub('{}', template)}"
