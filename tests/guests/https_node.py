"""The node of ``node`` as a server over HTTPS: the API calls that commands in guests make, and the websocket."""

from __future__ import annotations

import asyncio
import json
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from guests.agent import VMID as VM_ID
from guests.agent import AgentNode, EmulatedAgent
from guests.node import PASSWORD, TICKET, USER, VMID, Node, accepted
from proxmox_mcp.errors import ProxmoxError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

RESOURCES = [
    {"type": "node", "id": "node/pve1", "node": "pve1", "status": "online"},
    {
        "type": "lxc",
        "id": f"lxc/{VMID}",
        "vmid": VMID,
        "node": "pve1",
        "name": "web",
        "status": "running",
        "tags": "lab",
    },
    {"type": "qemu", "id": f"qemu/{VM_ID}", "vmid": VM_ID, "node": "pve1", "name": "db", "status": "running"},
]


@dataclass
class HttpsNode(Node):
    """A node with a container (``web``) and a VM (``db``)."""

    certificate: tuple[Path, Path] | None = None
    agent: EmulatedAgent = field(default_factory=EmulatedAgent)
    forbids: str = ""
    snapshots: list[str] = field(default_factory=list)
    rolled_back_to: list[str] = field(default_factory=list)

    async def start(self) -> None:
        self.home = self.directory / "root"
        self.home.mkdir()
        self.vm = AgentNode(self.agent)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        assert self.certificate
        context.load_cert_chain(*self.certificate)
        self._server = await asyncio.start_server(self.serve, "127.0.0.1", 0, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        await self.agent.stop()
        await super().stop()

    async def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        if f"/qemu/{VM_ID}/" in path and "/snapshot" not in path:
            return await self.vm.get(path, params)
        match path.split("/")[1:]:
            case [*_, "feature"]:
                return {"hasFeature": 1}
            case [*_, "tasks", _, "status"]:
                return {"status": "stopped", "exitstatus": "OK", "type": "vzsnapshot", "id": str(VMID)}
            case [*_, "tasks", _, "log"]:
                return []
            case ["cluster", "resources"]:
                return RESOURCES
            case ["version"]:
                return {"version": "9.2.1", "release": "9.2"}
            case [*_, "snapshot"]:
                return [{"name": name} for name in self.snapshots]
        return await super().get(path, params)

    async def shake_hands(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if b"\r\nUpgrade: websocket" in head:
            again = asyncio.StreamReader()
            again.feed_data(head)

            async def pump() -> None:
                while data := await reader.read(65536):
                    again.feed_data(data)
                again.feed_eof()

            pumping = asyncio.create_task(pump())
            try:
                await super().shake_hands(again, writer)
            finally:
                pumping.cancel()
            return
        request, *lines = head.decode("latin-1").split("\r\n")
        headers = {n.strip().lower(): v.strip() for n, _, v in (line.partition(":") for line in lines)}
        method, target, _ = request.split(" ")
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        assert accepted(headers) or target.endswith("/access/ticket")
        url = urlsplit(target)
        given = parse_qs((body or url.query.encode()).decode(), keep_blank_values=True, strict_parsing=False)
        params: dict[str, Any] = {name: each[0] if name != "command" else each for name, each in given.items()}
        status, reason, data = await self._answer(method, url.path.removeprefix("/api2/json"), params)
        payload = json.dumps({"data": data}).encode()
        writer.write(
            f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/json;charset=UTF-8\r\nConnection: close\r\n"
            f"Content-Length: {len(payload)}\r\n\r\n".encode("latin-1")
            + payload
        )
        await writer.drain()

    async def _answer(self, method: str, path: str, params: dict[str, Any]) -> tuple[int, str, Any]:
        if self.forbids and self.forbids in path:
            return 403, f"Permission check failed (/vms/{VMID}, VM.Console)", None
        if path == "/access/ticket":
            assert params == {"username": "op@pve", "password": PASSWORD}
            return 200, "OK", {"ticket": TICKET, "CSRFPreventionToken": "6AAA0000:csrf", "username": "op@pve"}
        try:
            if method == "GET":
                return 200, "OK", await self.get(path, params)
            if path.endswith("/snapshot"):
                self.snapshots.append(params["snapname"])
                return 200, "OK", f"UPID:pve1:0000AAAA:00BBBBBB:65000000:vzsnapshot:{VMID}:{USER}:"
            if path.endswith("/rollback"):
                self.rolled_back_to.append(path.split("/")[-2])
                return 200, "OK", f"UPID:pve1:0000AAAA:00BBBBBB:65000000:vzrollback:{VMID}:{USER}:"
            given = await (self.vm if "/qemu/" in path else self).post(path, params)
        except ProxmoxError as error:
            return error.status or 500, error.message, None
        return 200, "OK", dict(given.data)
