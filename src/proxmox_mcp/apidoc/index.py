"""An index over all endpoints of one version of Proxmox VE, to look them up and to validate calls."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, cast

from msgspec import Struct

from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.apidoc.routes import DeadEnd, Route, Router

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxmox_mcp.apidoc.model import Check, Endpoint, Method
    from proxmox_mcp.apidoc.validation.checker import Checker


class IndexSource(Struct, frozen=True, kw_only=True):
    """The source of an index: product, version (empty if unknown), SHA-256 of its ``apidoc.js``, and whether it
    contains Proxmox's descriptions (bundled snapshots don't)."""

    product: str = "pve"
    version: str = ""
    digest: str = ""
    prose: bool = False


class EndpointIndex:
    """The endpoints in a stable order (path, then GET, POST, PUT, DELETE), with a router and a checker."""

    def __init__(self, endpoints: Sequence[Endpoint], origin: IndexSource) -> None:
        self.endpoints: tuple[Endpoint, ...] = tuple(endpoints)
        self.origin = origin

    def __repr__(self) -> str:
        return f"<EndpointIndex {self.origin.product} {self.version or '?'}, {len(self.endpoints)} endpoints>"

    @property
    def version(self) -> str:
        """The version of Proxmox VE, such as ``9.1.3``; empty if unknown."""
        return self.origin.version

    @cached_property
    def router(self) -> Router:
        """The router of all endpoints, built on first use."""
        return Router(self.endpoints)

    @cached_property
    def _by_name(self) -> Mapping[tuple[str, str], Endpoint]:
        return {(endpoint.method, endpoint.path): endpoint for endpoint in self.endpoints}

    @cached_property
    def _checker(self) -> Checker:
        from proxmox_mcp.apidoc.validation.checker import Checker

        return Checker(self)

    def get(self, method: str, path: str) -> Endpoint | None:
        """The endpoint of a method and a *template*, such as ``GET`` and ``/nodes/{node}/qemu``."""
        return self._by_name.get((method, path))

    def route(self, path: ApiPath | str) -> Route | DeadEnd:
        """The template of a *path*, such as ``/nodes/pve1/qemu``, or the part of it that is known."""
        return self.router.find(_parsed(path))

    def resolve(self, method: str, path: ApiPath | str) -> Endpoint | None:
        """The endpoint of a call; None for an unknown one."""
        found = self.route(path)
        return found.methods.get(cast("Method", method)) if isinstance(found, Route) else None

    def check(self, method: str, path: ApiPath | str, params: Mapping[str, object] | None = None) -> Check:
        """Validate a call against the schema: all problems at once. Never raises."""
        return self._checker.check(method, _parsed(path), params or {})


def _parsed(path: ApiPath | str) -> ApiPath:
    return ApiPath.parse(path) if isinstance(path, str) else path
