"""A Proxmox in memory that answers by what it holds, and gateways over it."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from proxmox_mcp.apidoc import load_index
from proxmox_mcp.assembly import guard_of
from proxmox_mcp.errors import FailedError, ProxmoxError
from proxmox_mcp.gateway import Gateway
from proxmox_mcp.gateway.cluster import Cluster
from proxmox_mcp.gateway.pipeline import NOBODY, Pipeline
from proxmox_mcp.gateway.schema_source import SchemaInUse, SchemaKeeper
from proxmox_mcp.net.address import HostPort
from proxmox_mcp.proxmox.access import Reader, Writer
from proxmox_mcp.proxmox.answers import Answer
from proxmox_mcp.proxmox.connection import Connection
from proxmox_mcp.proxmox.credentials import Credentials
from proxmox_mcp.proxmox.failover import State
from proxmox_mcp.render import Budget
from proxmox_mcp.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SECRET = "11111111-2222-3333-4444-555555555555"
TOKEN = "a-token-that-only-these-tests-use"


class ScriptedPve:
    """Stands where ``pve.client.Proxmox`` does. ``answers`` by path; what is written is kept in ``written``."""

    def __init__(self) -> None:
        self.connection = Connection(hosts=(HostPort("pve1", 8006),), user="root@pam", token="mcp", secret=SECRET)
        self.credentials = Credentials(self.connection.identity)
        self.answers: dict[str, Any] = {"/version": {"version": "9.2.1"}, "/access/permissions": {"/": {"VM.Audit": 1}}}
        self.written: list[tuple[str, str, dict[str, Any]]] = []
        self.fails: ProxmoxError | None = None
        self.on_write: Callable[[str, str], None] = lambda method, path: None

    async def request(self, method: str, path: str, params: Any = None, *, deadline: float | None = None) -> Any:
        if method != "GET":
            self.on_write(method, path)
            self.written.append((method, path, dict(params or {})))
            if self.fails is not None:
                raise self.fails
            return None
        if path not in self.answers:
            raise FailedError(f"{path} is not in the script")
        return json.loads(json.dumps(self.answers[path]))

    async def answer(self, *given: Any, permit: Callable[[], None] | None = None, **more: Any) -> Answer:
        if permit is not None:
            permit()
        return Answer(await self.request(*given, **more))

    def state(self) -> State:
        return State("pve1:8006", "it is the only one", ())

    async def aclose(self) -> None:
        """There is nothing to close."""


@cache
def schema() -> SchemaInUse:
    """The newest bundled schema, once for all gateways."""
    return SchemaInUse(load_index("9.2"), "bundled", "9.2.1")


class SharedSchema(SchemaKeeper):
    """Has this schema in force, as if the node had told its version."""

    async def current(self) -> SchemaInUse:
        return schema()

    def load(self) -> SchemaInUse:
        return schema()


def gateway_over(pve: ScriptedPve, directory: Path, **given: str) -> Gateway:
    """A gateway with a guard of its own, whose files are in ``directory``."""
    base = {
        "PROXMOX_HOST": "pve1",
        "PROXMOX_USER": "root@pam",
        "PROXMOX_TOKEN_ID": "mcp",
        "PROXMOX_PASSWORD": SECRET,
        "MCP_CACHE_DIR": str(directory / "state"),
        "MCP_AUDIT_FILE": str(directory / "audit.jsonl"),
        "MCP_AUTH_TOKEN": TOKEN,
        "MCP_RATE_LIMIT": "0",
    }
    settings = load_settings({**base, **given})
    proxmox: Any = pve
    reader = Reader(proxmox)
    cluster = Cluster.of("default", reader, SharedSchema(reader, "bundled", None))
    guard, validation = guard_of(settings), settings.server.mcp_validation
    writers = {"default": Writer(proxmox, guard.freezes.refuse_if_frozen)}
    pipeline = Pipeline(guard, writers, validation=validation, task_wait=0.0, observer=NOBODY)
    return Gateway({"default": cluster}, pipeline, budget=Budget.of(settings.server.mcp_result_tokens))
