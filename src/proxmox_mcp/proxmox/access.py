"""Who may send what to a cluster, by type: a ``Reader`` sends GETs only, a ``Writer`` any call, a ``GuestAccess`` what
runs a command in a guest.

The guarded pipeline is the only holder of the last two (``tests/gateway/test_only_the_pipeline_writes.py``), so
other code that reads from the cluster can't change it, even by mistake.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anyio.abc import ByteStream

    from proxmox_mcp.apidoc.model import Wire
    from proxmox_mcp.net.address import HostPort
    from proxmox_mcp.proxmox.answers import Answer
    from proxmox_mcp.proxmox.client import Permit, Proxmox
    from proxmox_mcp.proxmox.connection import Connection
    from proxmox_mcp.proxmox.credentials import Credentials
    from proxmox_mcp.proxmox.failover import State


class Reader:
    """Reads from one cluster, and tells the state of the connection to it. No method takes the name of a method."""

    def __init__(self, proxmox: Proxmox) -> None:
        self._proxmox = proxmox

    async def get(self, path: str, params: Wire | None = None, *, deadline: float | None = None) -> Any:
        """The ``data`` of the answer to a GET. Raises as ``Proxmox.request`` does."""
        return await self._proxmox.request("GET", path, params, deadline=deadline)

    async def read(self, path: str, params: Wire | None = None, *, deadline: float | None = None) -> Answer:
        """The answer to a GET with the ``total`` that lists and logs bring."""
        return await self._proxmox.answer("GET", path, params, deadline=deadline)

    @property
    def connection(self) -> Connection:
        return self._proxmox.connection

    @property
    def credentials(self) -> Credentials:
        return self._proxmox.credentials

    def state(self) -> State:
        """Which host is in use and why, what is known of the others, and whether the credentials are accepted."""
        return self._proxmox.state()

    async def aclose(self) -> None:
        """Close the connections that are kept alive; the next call opens new ones."""
        await self._proxmox.aclose()


class Writer:
    """Sends any call to one cluster. Only ``gateway/pipeline.py`` holds one."""

    def __init__(self, proxmox: Proxmox, permit: Permit) -> None:
        self._proxmox, self._permit = proxmox, permit

    async def send(self, method: str, path: str, params: Wire) -> Answer:
        """Send one call; a write only if ``permit`` does not raise. Raises as ``Proxmox.answer`` does."""
        permit = self._permit if method != "GET" else None
        return await self._proxmox.answer(method, path, params, permit=permit)


class Posted(Struct, frozen=True):
    """The answer to a POST and the host that gave it: what its ticket opens is opened there, and nowhere else."""

    data: Mapping[str, Any]
    host: HostPort


class GuestAccess:
    """What the commands in guests need of one cluster (``guests.Cluster``). Only ``gateway/pipeline.py`` holds one."""

    def __init__(self, proxmox: Proxmox, permit: Permit) -> None:
        self._proxmox, self._permit = proxmox, permit

    async def get(self, path: str, params: Wire | None = None) -> Any:
        """The ``data`` of the answer to a GET."""
        return await self._proxmox.request("GET", path, params)

    async def post(self, path: str, params: Wire | None = None) -> Posted:
        """Send a POST once, to one host, if ``permit`` does not raise."""
        answer, host = await self._proxmox.answer_from_host("POST", path, params, permit=self._permit)
        return Posted(answer.data if isinstance(answer.data, dict) else {}, host)

    async def connect(self, host: HostPort) -> ByteStream:
        """A TLS connection to a host, its certificate checked as for every call."""
        return await self._proxmox.stream(host)

    async def credentials(self, host: HostPort) -> Mapping[str, str]:
        """The headers that authenticate a GET at a host."""
        return await self._proxmox.headers(host)
