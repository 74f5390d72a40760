"""A Proxmox node as far as terminals go: pveproxy's websocket, termproxy and dtach, with a shell of this machine for
the container.

termproxy is written after its source (2.1.0, ``main.rs``): a buffer of 4,096 bytes for what is typed, headers that are
torn by its end are lost, 80 by 20, the end of the pty ends the connection. dtach is the real program. Proxmox's side
(tickets, ports, 401 after a wrong one, no answer where nobody serves the port) is as FACTS of a real node tell.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import fcntl
import hashlib
import os
import pty
import secrets
import signal
import struct
import termios
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import anyio

from patience import PATIENCE, until
from proxmox_mcp.errors import ProxmoxError
from proxmox_mcp.net.address import HostPort
from proxmox_mcp.proxmox.access import Posted
from terminals import needs_terminals
from tools import required

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from anyio.abc import ByteStream

TOKEN = "op@pve!mcp=11111111-2222-3333-4444-555555555555"
USER = TOKEN.partition("=")[0]
PASSWORD, TICKET = "a-password", "PVE:op@pve:6AAA0000::signature"
VMID = 105
BUFFER = 4096
SHELL = ("bash", "--norc", "--noprofile", "-i")


@dataclass
class Node:
    """``variant``: ``old`` (refuses a token's ticket), ``login`` (a login prompt instead of a shell), ``hang`` (never
    answers the handshake), ``stays`` (the socket stays open after the session has ended)."""

    directory: Path
    shell: tuple[str, ...] = SHELL
    variant: str = ""
    config: dict[str, Any] = field(default_factory=lambda: {"cmode": "shell", "hostname": "web"})
    running: bool = True
    tasks: list[dict[str, Any]] = field(default_factory=list)
    tickets: dict[int, str] = field(default_factory=dict)
    clients: list[Client] = field(default_factory=list)
    typed: bytearray = field(default_factory=bytearray)
    calls: list[tuple[str, str]] = field(default_factory=list)
    packages: list[dict[str, Any]] | None = None
    environment: dict[str, str] = field(default_factory=dict)
    as_typed: Callable[[], None] | None = None
    """Called before anything that is typed reaches the terminal."""
    breaks_after: int | None = None
    """So many bytes of what is typed reach the shell, then all connections break, once."""
    sizes_lost: int = 0
    """So many changes of a window's size reach nobody, as when dtach attaches at that moment."""

    async def start(self) -> None:
        needs_terminals()
        self.home = self.directory / "root"
        self.home.mkdir()
        self._server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        for client in list(self.clients):
            client.end()
        self._server.close()
        for line in _processes():
            if str(self.socket) in line[1] or f"HOME={self.home}" in line[2]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(line[0], signal.SIGKILL)

    @property
    def socket(self) -> Path:
        return self.directory / f"vzctlconsole{VMID}"

    @property
    def left_over(self) -> list[str]:
        """Command lines of the processes in the container, its terminal's session included."""
        return [line for _, line, environment in _processes() if f"HOME={self.home}" in environment]

    @property
    def attach(self) -> list[str]:
        program = self.shell
        if self.variant == "login":
            program = ("sh", "-c", r"printf 'Debian GNU/Linux 12 web tty1\n\nweb login: '; exec cat")
        return [required("dtach"), "-A", str(self.socket), "-r", "winch", "-z", *program]

    def environ(self) -> dict[str, str]:
        own = {"PATH": os.environ["PATH"], "HOME": str(self.home), "TERM": "linux", "PS1": "root@web:~# "}
        return own | self.environment

    # What Proxmox answers.

    async def get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        self.calls.append(("GET", path))
        if path.endswith("/tasks"):
            return [dict(task) for task in self.tasks]
        if path.endswith("/config"):
            return dict(self.config) | ({} if (params or {}).get("current") else {"digest": "x"})
        if path.endswith("/status/current"):
            return {"status": "running" if self.running else "stopped"}
        if path.endswith("/apt/versions") and self.packages is not None:
            return self.packages
        raise ProxmoxError(f"no such path: {path}", status=501)

    async def post(self, path: str, params: Mapping[str, Any] | None = None) -> Posted:
        self.calls.append(("POST", path))
        assert path == f"/nodes/pve1/lxc/{VMID}/termproxy"
        port = 5900 + len(self.calls)
        self.tickets[port] = f"PVEVNC:{int(time.time()):08X}::{base64.b64encode(secrets.token_bytes(96)).decode()}"
        upid = f"UPID:pve1:{secrets.token_hex(8)}:vncproxy:{VMID}:{USER}:"
        answer = {"user": USER, "ticket": self.tickets[port], "port": str(port), "upid": upid}
        self.tasks.append({"upid": upid, "id": str(VMID), "type": "vncproxy", "user": USER, "port": port})
        return Posted(answer, HostPort("127.0.0.1", self.port))

    async def connect(self, host: HostPort) -> ByteStream:
        return await anyio.connect_tcp(host.host, host.port)

    async def credentials(self, host: HostPort) -> Mapping[str, str]:
        return {"Authorization": f"PVEAPIToken={TOKEN}"}

    # The websocket.

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self.shake_hands(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def shake_hands(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        request, *lines = head.split("\r\n")
        headers = {n.strip().lower(): v.strip() for n, _, v in (line.partition(":") for line in lines)}
        target = urlsplit(request.split(" ")[1])
        query = {name: values[0] for name, values in parse_qs(target.query).items()}
        assert target.path == f"/api2/json/nodes/pve1/lxc/{VMID}/vncwebsocket"
        port = int(query["port"])
        ticket = self.tickets.pop(port, "")
        if not accepted(headers) or ticket != query["vncticket"]:
            writer.write(b"HTTP/1.1 401 permission denied - invalid PVEVNC ticket\r\nContent-Length: 0\r\n\r\n")
            return
        if self.variant == "hang":
            await asyncio.sleep(PATIENCE)
        key = headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
            b"Sec-WebSocket-Protocol: binary\r\nSec-WebSocket-Accept: " + accept.encode() + b"\r\n\r\n"
        )
        client = Client(self, reader, writer, ticket)
        self.clients.append(client)
        try:
            await client.serve()
        finally:
            client.end()
            self.clients.remove(client)
            self.tasks[:] = [task for task in self.tasks if task.get("port") != port]

    # People.

    def person(self) -> Person:
        """Somebody who opens the container's console; Proxmox lists that as a task."""
        return Person(self)

    async def push(self, data: bytes) -> None:
        """Type without a terminal: what a killed dtach has read of its terminal, and not passed on, is lost."""
        await anyio.run_process([required("dtach"), "-p", str(self.socket)], input=data)

    def drop_connections(self) -> None:
        for client in self.clients:
            client.writer.transport.abort()


def accepted(headers: Mapping[str, str]) -> bool:
    """Whether a request has the token, or the ticket of a login by password."""
    return headers.get("authorization") == f"PVEAPIToken={TOKEN}" or headers.get("cookie") == f"PVEAuthCookie={TICKET}"


@dataclass
class Client:
    """One websocket with its termproxy."""

    node: Node
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    ticket: str
    master: int = -1
    process: int = 0
    torn: bool = False
    broken: bool = False
    sent: bytes = b""

    async def serve(self) -> None:
        typed = asyncio.StreamReader()
        messages = asyncio.create_task(self._messages(typed))
        try:
            line = (await typed.readuntil(b"\n")).rstrip(b"\n")
            user, _, ticket = line.partition(b":")
            if (user.decode(), ticket.decode()) != (USER, self.ticket) or self.node.variant == "old":
                return
            self.message(b"OK")
            # Made before the fork: a child of a process with threads runs as little as it can before it is replaced.
            attach, environ = self.node.attach, self.node.environ()
            self.process, self.master = pty.fork()
            if self.process == 0:
                os.execve(attach[0], attach, environ)
            self._resize(80, 20)
            os.set_blocking(self.master, False)
            shown = asyncio.create_task(self._shows())
            done, rest = await asyncio.wait(
                {messages, shown, asyncio.create_task(self._types(typed))}, return_when=asyncio.FIRST_COMPLETED
            )
            if shown in done and self.node.variant == "stays":
                await messages
            for task in rest:
                task.cancel()
        finally:
            messages.cancel()

    def end(self) -> None:
        if self.process:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process, signal.SIGKILL)
            os.waitpid(self.process, 0)
            os.close(self.master)
            self.process = 0

    def message(self, data: bytes) -> None:
        self.sent += data
        size = bytes([len(data)]) if len(data) < 126 else b"\x7e" + struct.pack(">H", len(data))
        self.writer.write(b"\x82" + size + data)

    async def _messages(self, typed: asyncio.StreamReader) -> None:
        """What pveproxy passes on: whole messages only. A fragment, or one over 128 KiB, ends it without a word."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                first, second = await self.reader.readexactly(2)
                size = second & 127
                if size == 126:
                    (size,) = struct.unpack(">H", await self.reader.readexactly(2))
                elif size == 127:
                    (size,) = struct.unpack(">Q", await self.reader.readexactly(8))
                if not first & 128 or size > 128 * 1024:
                    await asyncio.sleep(PATIENCE)
                mask = await self.reader.readexactly(4)
                data = bytes(byte ^ mask[i & 3] for i, byte in enumerate(await self.reader.readexactly(size)))
                if first & 15 == 8:
                    break
                if first & 15 in {1, 2}:
                    typed.feed_data(data)
        typed.feed_eof()

    async def _shows(self) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await self._read():
                self.message(data)
                await self.writer.drain()

    async def _read(self) -> bytes:
        ready = asyncio.Event()
        asyncio.get_running_loop().add_reader(self.master, ready.set)
        try:
            await ready.wait()
        finally:
            asyncio.get_running_loop().remove_reader(self.master)
        try:
            return os.read(self.master, BUFFER)
        except OSError:
            return b""

    async def _types(self, typed: asyncio.StreamReader) -> None:
        """termproxy's buffer: filled to 4,096 bytes at the most, headers that it does not hold whole are lost."""
        buffer = bytearray()
        while data := await typed.read(BUFFER - len(buffer)):
            buffer += data
            while buffer:
                size = self._header(buffer)
                if size is None:
                    break
                while size:
                    if not buffer:
                        more = await typed.read(BUFFER)
                        if not more:
                            return
                        buffer += more
                    part = bytes(buffer[:size])
                    await self._write(part)
                    del buffer[: len(part)]
                    size -= len(part)

    def _header(self, buffer: bytearray) -> int | None:
        while len(buffer) >= 2:
            kind = buffer[0] - 48
            if kind == 0:
                del buffer[:2]
                if (number := _number(buffer)) is not None:
                    return number
                self.torn = True
            elif kind == 1:
                del buffer[:2]
                columns, rows = _number(buffer), _number(buffer)
                if self.node.sizes_lost:
                    self.node.sizes_lost -= 1
                elif columns is not None and rows is not None:
                    self._resize(columns, rows)
            else:
                del buffer[:1]
        return None

    async def _write(self, data: bytes) -> None:
        self.node.typed += data
        if self.node.as_typed is not None:
            self.node.as_typed()
        after = self.node.breaks_after
        if after is not None and len(self.node.typed) >= after:
            self.node.breaks_after = None
            await self.node.push(data[: after - (len(self.node.typed) - len(data))])
            self.node.drop_connections()
            self.broken = True
        if self.broken:
            return
        while data:
            try:
                data = data[os.write(self.master, data) :]
            except BlockingIOError:
                await asyncio.sleep(0.01)

    def _resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def _number(buffer: bytearray) -> int | None:
    end = buffer.find(b":")
    if end < 0:
        del buffer[: 20 if len(buffer) > 20 else 0]
        return None
    digits = bytes(buffer[:end])
    del buffer[: end + 1]
    return int(digits) if digits.isdigit() else None


class Person:
    """A person at the console, through a dtach of their own."""

    def __init__(self, node: Node, *, listed: bool = True) -> None:
        self._task = {"upid": f"UPID:{secrets.token_hex(4)}", "id": str(VMID), "user": "anna@pam", "type": "vncproxy"}
        self._node = node
        self.listed = listed
        if listed:
            node.tasks.append(self._task)
        attach, environ = node.attach, node.environ()
        self._process, self._master = pty.fork()
        if self._process == 0:
            os.execve(attach[0], attach, environ)
        os.set_blocking(self._master, False)
        self._seen = bytearray()
        self.waits_for(b"\x1b[H\x1b[J")

    @property
    def sees(self) -> bytes:
        with contextlib.suppress(OSError):
            while data := os.read(self._master, BUFFER):
                self._seen += data
        return bytes(self._seen)

    def types(self, text: str) -> None:
        os.write(self._master, text.encode())

    def waits_for(self, text: bytes) -> None:
        until(lambda: text in self.sees, lambda: f"{text!r} in {self.sees!r}")

    def closes_the_window(self) -> None:
        """The terminal is left, the session goes on."""
        if self._process:
            os.kill(self._process, signal.SIGKILL)
            os.waitpid(self._process, 0)
            os.close(self._master)
            self._process = 0
        if self._task in self._node.tasks:
            self._node.tasks.remove(self._task)


def _processes() -> list[tuple[int, str, str]]:
    """Number, command line and environment of every process of this machine that is not dead."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                line, environment = (_words(entry / name) for name in ("cmdline", "environ"))
                if line:
                    found.append((int(entry.name), line, environment))
    return found


def _words(file: Path) -> str:
    return file.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
