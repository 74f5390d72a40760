"""Proxmox's ``digest``: sent with each step whose endpoint takes one, so that nobody changes the configuration between
our reading it and our writing it.

It is that of the whole file, and read again for each step, since one's own steps change it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.errors import ProxmoxError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxmox_mcp.apidoc import Endpoint
    from proxmox_mcp.gateway.cluster import Cluster
    from proxmox_mcp.gateway.plans.steps import ConcreteStep

_KINDS = ("qemu", "lxc")
_WITHIN = 10.0


async def with_digest(step: ConcreteStep, endpoint: Endpoint | None, cluster: Cluster) -> Mapping[str, Any]:
    """The data of a step, with the digest of what it changes where the endpoint takes one and the step gives none.

    Without it where the configuration can't be read or tells none: Proxmox then checks nothing.
    """
    if endpoint is None or "digest" not in endpoint.parameters or "digest" in step.data:
        return step.data
    source = await _source(step, cluster)
    if source is None:
        return step.data
    try:
        digest = _digest_in(await cluster.pve.get(source.encoded, deadline=_WITHIN))
    except ProxmoxError:
        return step.data
    return {**step.data, "digest": digest} if digest else step.data


async def _source(step: ConcreteStep, cluster: Cluster) -> ApiPath | None:
    """What is read for the digest: the same path, or for an action on a guest its configuration."""
    index = (await cluster.schema.current()).index
    parts = step.path.segments
    guest = len(parts) > 4 and parts[0] == "nodes" and parts[2] in _KINDS and parts[4] != "firewall"
    path = ApiPath.of([*parts[:4], "config"]) if guest else ApiPath.of(parts)
    return path if index.resolve("GET", path) is not None else None


def _digest_in(data: Any) -> str:
    """The digest of an object, or of the first of a list: each member of one file bears the same."""
    if isinstance(data, list):
        data = data[0] if data else {}
    digest = data.get("digest") if isinstance(data, dict) else None
    return digest if isinstance(digest, str) else ""
