"""All endpoints of one version of Proxmox VE, to be found and checked against."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, cast

from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.apidoc.routes import DeadEnd, Route, Router

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proxmox_mcp.apidoc.model import Check, Endpoint, Method
    from proxmox_mcp.apidoc.validation.checker import Checker


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where an index is from: the product and its version (empty where unknown), the SHA-256 of the ``apidoc.js``
    it was made of, and whether it holds Proxmox's descriptions (a bundled snapshot doesn't)."""

    product: str = "pve"
    version: str = ""
    digest: str = ""
    prose: bool = False


class EndpointIndex:
    """The endpoints in a stable order (path, then GET, POST, PUT, DELETE), with their routes and their check."""

    def __init__(self, endpoints: Sequence[Endpoint], origin: Origin) -> None:
        self.endpoints: tuple[Endpoint, ...] = tuple(endpoints)
        self.origin = origin

    def __repr__(self) -> str:
        return f"<EndpointIndex {self.origin.product} {self.version or '?'}, {len(self.endpoints)} endpoints>"

    @property
    def version(self) -> str:
        """The version of Proxmox VE, such as ``9.1.3``; empty where unknown."""
        return self.origin.version

    @cached_property
    def router(self) -> Router:
        """Made on first use."""
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
        """The template of a *path*, such as ``/nodes/pve1/qemu``, or how far it goes."""
        return self.router.find(_parsed(path))

    def resolve(self, method: str, path: ApiPath | str) -> Endpoint | None:
        """The endpoint that a call of ``method`` on ``path`` reaches."""
        found = self.route(path)
        return found.methods.get(cast("Method", method)) if isinstance(found, Route) else None

    def check(self, method: str, path: ApiPath | str, params: Mapping[str, object] | None = None) -> Check:
        """What the schema says of a call; never raises, all faults at once."""
        return self._checker.check(method, _parsed(path), params or {})


def _parsed(path: ApiPath | str) -> ApiPath:
    return ApiPath.parse(path) if isinstance(path, str) else path
