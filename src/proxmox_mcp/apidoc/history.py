"""The bundled versions that have an endpoint or a parameter, for hints such as "came with 9.0".

``scripts/build_index.py --history`` makes ``history.json`` from the snapshots, so that a hint reads one small file
instead of every snapshot.
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
    """A path of some bundled version: its template, and the versions of each of its methods, oldest first."""

    template: str
    methods: Mapping[str, tuple[str, ...]]


def endpoint_versions(method: str, path: str) -> tuple[str, ...]:
    """The bundled versions that have an endpoint (a *template*), oldest first; empty if none has."""
    return _recorded().endpoints.get(without_parameter_names(method, path), ("", ()))[1]


def parameter_versions(method: str, path: str, name: str) -> tuple[str, ...]:
    """The bundled versions in which an endpoint (a *template*) has a parameter, oldest first.

    Empty if no version has it, or if all versions with the endpoint have it.
    """
    return _recorded().parameters.get(without_parameter_names(method, path), {}).get(name, ())


def find_past(path: ApiPath | str) -> Past | None:
    """The template and methods of a *path*, such as ``/cluster/ha/rules``, in any bundled version."""
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
        key = without_parameter_names(method, template)
        endpoints[key] = template, tuple(versions)
        for changes in changed:
            parameters[key] = {parameter: tuple(those) for parameter, those in changes.items()}
    return _Record(endpoints, parameters)


@cache
def _router() -> Router:
    """A router over the endpoints of all bundled versions; its endpoints have only names."""
    names = ((key.split(" ", 1)[0], template) for key, (template, _) in _recorded().endpoints.items())
    return Router(Endpoint(cast("Method", method), template, "", b"{}") for method, template in names)


def without_parameter_names(method: str, template: str) -> str:
    """Method and template without the names of path parameters, which differ between releases."""
    return f"{method} {_PARAMETER.sub('{}', template)}"
