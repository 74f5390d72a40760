"""A cluster of three nodes as an upstream on the wire, as a script in memory, and gateways over either."""

from __future__ import annotations

import json
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from demo_api import Api
from proxmox.raw_server import RawServer, Request, reply
from proxmox.raw_server import serving as raw_serving
from proxmox_mcp.assembly import gateway_of
from proxmox_mcp.demo import start_demo_cluster
from proxmox_mcp.errors import FailedError
from proxmox_mcp.gateway.cluster import Cluster
from proxmox_mcp.gateway.schema_source import SchemaKeeper
from proxmox_mcp.net.address import HostPort
from proxmox_mcp.proxmox.access import Reader
from proxmox_mcp.proxmox.answers import Answer
from proxmox_mcp.proxmox.connection import Connection
from proxmox_mcp.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    from proxmox_mcp.demo import DemoCluster
    from proxmox_mcp.gateway import Gateway

SECRET = "11111111-2222-3333-4444-555555555555"


def guest(vmid: int, name: str, node: str, kind: str = "qemu", **more: Any) -> dict[str, Any]:
    return {"type": kind, "vmid": vmid, "name": name, "node": node, "id": f"{kind}/{vmid}", "status": "running", **more}


RESOURCES: list[dict[str, Any]] = [
    *({"type": "node", "node": f"pve{n}", "id": f"node/pve{n}", "status": "online"} for n in (1, 2)),
    {"type": "node", "node": "pve3", "id": "node/pve3", "status": "offline"},
    guest(100, "web-01", "pve1", pool="production", tags="prod;web"),
    guest(101, "web-02", "pve1"),
    guest(102, "db", "pve2"),
    guest(103, "twin", "pve2", "lxc"),
    guest(104, "twin", "pve2", "lxc"),
    guest(105, "lost", "pve3"),
    *(
        {"type": "storage", "storage": name, "node": f"pve{n}", "id": f"storage/pve{n}/{name}", "status": "available",
         "plugintype": kind, "content": content, "shared": shared}
        for n in (1, 2)
        for name, kind, content, shared in (("local", "dir", "iso,backup", 0), ("nas", "nfs", "backup", 1))
    ),
]  # fmt: skip


def answer(request: Request, connection: Any) -> None:
    """What the upstream says: what there is, and nothing for the rest."""
    path = request.target.partition("?")[0].removeprefix("/api2/json")
    data: Any = [] if request.method == "GET" else None
    if path == "/cluster/resources":
        data = RESOURCES
    elif path == "/version":
        data = {"version": "9.2.1", "release": "9.2"}
    elif path.endswith("/config") and request.method == "GET":
        data = {"name": "web-01", "scsi0": "local:vm-100-disk-0,size=8G"}
    connection.sendall(reply(data))


@pytest.fixture(scope="module")
def recorder(certificate: tuple[Path, Path]) -> Iterator[RawServer]:
    """An upstream that keeps what came in, byte by byte."""
    with raw_serving(answer, certificate) as server:
        yield server


@pytest.fixture
def upstream(node: Any, certificate: tuple[Path, Path]) -> Iterator[RawServer]:
    """An upstream that answers as the ``node`` of a module does."""
    with raw_serving(node.answer, certificate) as server:
        yield server


@pytest.fixture(scope="module")
def gateway_to(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Gateway]]:
    """Makes a gateway to a port of loopback: ``gateway_to(port, policy="...", MCP_MODE="full")``."""
    gateways: list[Gateway] = []

    def make(port: int, policy: str = "", **settings: str) -> Gateway:
        directory = tmp_path_factory.mktemp("gateway")
        if policy:
            (directory / "policy.toml").write_text(policy)
            settings["MCP_POLICY_FILE"] = str(directory / "policy.toml")
        base = {
            "PROXMOX_HOST": f"127.0.0.1:{port}",
            "PROXMOX_USER": "mcp@pve",
            "PROXMOX_TOKEN_ID": "t1",
            "PROXMOX_PASSWORD": SECRET,
            "PROXMOX_APIDOC": "bundled",
            "MCP_CACHE_DIR": str(directory),
            "MCP_AUDIT_FILE": str(directory / "audit.jsonl"),
            "MCP_RATE_LIMIT": "0",
            "MCP_APPROVAL_WAIT": "0",
        }
        gateways.append(gateway_of(load_settings({**base, **settings})))
        return gateways[-1]

    yield make
    for each in gateways:
        each.guard.close()


@pytest.fixture
async def gateway(recorder: RawServer, gateway_to: Callable[..., Gateway]) -> AsyncIterator[Gateway]:
    """A gateway to the upstream that keeps what came in."""
    made = gateway_to(recorder.port)
    yield made
    await made.aclose()


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoCluster]:
    """A demo cluster of the module's own, whose tasks end almost at once."""
    with start_demo_cluster(task_seconds=0.05) as cluster:
        yield cluster


@pytest.fixture
def api(demo: DemoCluster) -> Api:
    """Calls to it past any gateway."""
    return Api(demo)


@asynccontextmanager
async def gateway_to_demo(demo: DemoCluster, directory: Path, **settings: str) -> AsyncIterator[Gateway]:
    """A gateway in ``full`` mode: nobody is asked. Its state is in ``directory``; the schema, read once, beside it."""
    base = {**demo.environment, "MCP_MODE": "full", "MCP_RATE_LIMIT": "0"}
    base |= {"MCP_STATE_DIR": str(directory), "MCP_CACHE_DIR": str(directory.parent / "schema")}
    async with aclosing(gateway_of(load_settings({**base, **settings}))) as made:
        await made.clusters["default"].schema.refresh()
        yield made


def records(gateway: Gateway) -> list[dict[str, Any]]:
    """The audit of a gateway, oldest line first."""
    return [json.loads(line) for line in Path(str(gateway.guard.audit.path)).read_text().splitlines()]


class Script:
    """A ``Proxmox`` that answers by a script: data by path, or an error to raise. Keeps what it was asked."""

    def __init__(self, answers: Mapping[str, Any] | None = None, identity: str = "root@pam") -> None:
        user, _, token = identity.partition("!")
        self.connection = Connection(hosts=(HostPort("pve1", 8006),), user=user, token=token, secret=SECRET)
        self.answers = {"/cluster/resources": RESOURCES, "/access/permissions": {"/": {"VM.Audit": 1}}}
        self.answers |= answers or {}
        self.asked: list[tuple[str, str, dict[str, Any]]] = []

    async def request(self, method: str, path: str, params: Any = None, *, deadline: float | None = None) -> Any:
        self.asked.append((method, path, dict(params or {})))
        said = self.answers.get(path, FailedError(f"{path} is not in the script"))
        if isinstance(said, Exception):
            raise said
        return json.loads(json.dumps(said))

    async def answer(self, *given: Any, **more: Any) -> Answer:
        return Answer(await self.request(*given, **more))

    @property
    def paths(self) -> list[str]:
        return [path for _, path, _ in self.asked]


@pytest.fixture
def scripted() -> Callable[..., tuple[Cluster, Script]]:
    """Makes a cluster in memory and its script: ``scripted({"/nodes": []})``."""

    def make(answers: Mapping[str, Any] | None = None, identity: str = "root@pam") -> tuple[Cluster, Script]:
        script = Script(answers, identity)
        proxmox: Any = script
        reader = Reader(proxmox)
        return Cluster.of("default", reader, SchemaKeeper(reader, "bundled", None)), script

    return make
