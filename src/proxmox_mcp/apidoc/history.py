"""Since when and until when: which bundled versions have an endpoint or a parameter.

``history.json`` beside the snapshots is made from them (``scripts/build_index.py --history``), so that a hint costs
one small file instead of every snapshot.
"""

from __future__ import annotations

import json
import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple, cast

from proxmox_mcp.apidoc.data_files import data_directory
from proxmox_mcp.apidoc.load import bundled_versions, load_bundled
from proxmox_mcp.apidoc.model import Endpoint
from proxmox_mcp.apidoc.routes import Route, Router

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.apidoc.index import EndpointIndex
    from proxmox_mcp.apidoc.model import Method

_PARAMETER = re.compile(r"\{[^}]*\}")


class Past(NamedTuple):
    """A path that some bundled version has: its template, and the versions of each method there, oldest first."""

    template: str
    methods: Mapping[str, tuple[str, ...]]


def endpoint_versions(method: str, path: str) -> tuple[str, ...]:
    """The bundled versions that have an endpoint (a *template*), oldest first; empty if none has."""
    return _recorded().endpoints.get(_nameless(method, path), ("", ()))[1]


def parameter_versions(method: str, path: str, name: str, *, changed: bool = False) -> tuple[str, ...]:
    """The bundled versions in which an endpoint (a *template*) has a parameter, oldest first; empty if none has.

    With ``changed`` only where not all of them have it, which is known without reading a snapshot.
    """
    key = _nameless(method, path)
    template, versions = _recorded().endpoints.get(key, ("", ()))
    if not versions:
        return ()
    if (some := _recorded().parameters.get(key, {}).get(name)) is not None:
        return some
    if changed:
        return ()
    newest = _snapshot(versions[-1]).get(method, template)
    return versions if newest is not None and name in newest.parameters else ()


@lru_cache(maxsize=1)
def _snapshot(version: str) -> EndpointIndex:
    return load_bundled(version)


def find_past(path: str) -> Past | None:
    """What the bundled versions have at a *path*, such as ``/cluster/ha/rules``."""
    found = _router().find(path)
    if not isinstance(found, Route):
        return None
    return Past(found.template, {method: endpoint_versions(method, found.template) for method in found.methods})


def record() -> bytes:
    """The history of all bundled snapshots, as ``history.json`` holds it: one endpoint a line."""
    newest: dict[str, str] = {}
    having: dict[str, dict[str, Endpoint]] = {}
    for version in bundled_versions():
        for endpoint in load_bundled(version).endpoints:
            key = _nameless(endpoint.method, endpoint.path)
            newest[key] = f"{endpoint.method} {endpoint.path}"
            having.setdefault(key, {})[version] = endpoint
    endpoints = {newest[key]: [list(having[key]), *_changes(having[key])] for key in having}
    lines = ",\n".join(f"{json.dumps(name)}:{json.dumps(endpoints[name])}" for name in sorted(endpoints, key=_by_path))
    return f"{{\n{lines}\n}}\n".encode()


def _changes(versions: Mapping[str, Endpoint]) -> list[dict[str, list[str]]]:
    """The versions of each parameter that not all of them have; nothing where there is none."""
    names = sorted({name for endpoint in versions.values() for name in endpoint.parameters})
    found = {name: [version for version, each in versions.items() if name in each.parameters] for name in names}
    path_parameters = {name for each in versions.values() for name in each.path_parameters}
    changed = {
        name: those for name, those in found.items() if len(those) < len(versions) and name not in path_parameters
    }
    return [changed] if changed else []


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
        key = _nameless(method, template)
        endpoints[key] = template, tuple(versions)
        for changes in changed:
            parameters[key] = {parameter: tuple(those) for parameter, those in changes.items()}
    return _Record(endpoints, parameters)


@cache
def _router() -> Router:
    """Routes over the endpoints of all bundled versions; they only lead to their names."""
    names = ((key.split(" ", 1)[0], template) for key, (template, _) in _recorded().endpoints.items())
    return Router(Endpoint(cast("Method", method), template, "", b"{}") for method, template in names)


def _nameless(method: str, template: str) -> str:
    """What stays the same when a release renames a parameter of a path."""
    return f"{method} {_PARAMETER.sub('{}', template)}"


def _by_path(name: str) -> tuple[str, str]:
    method, template = name.split(" ", 1)
    return template, method
