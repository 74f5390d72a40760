"""A server of ours behind a real proxy: the recipes of ``docs/reverse-proxies.md``, run on loopback."""

from __future__ import annotations

import os
import re
import socket
import ssl
import subprocess
import sys
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from patience import PATIENCE, until
from serving import free_port
from tools import required

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

DOCUMENT = Path(__file__).parents[2] / "docs" / "reverse-proxies.md"
TOKEN = "a-token-that-only-the-tests-know-of"

FRAME = """
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    scgi_temp_path {directory}/scgi;
    uwsgi_temp_path {directory}/uwsgi;
{server}
}}
"""

Certificate = tuple[Path, Path]


def recipe(heading: str) -> str:
    """The first code block under a heading of the document."""
    pattern = rf"^#+ {re.escape(heading)}$.*?^```\w+\n(.*?)^```$"
    found = re.search(pattern, DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found, f"{DOCUMENT.name} has no recipe under {heading!r}"
    return found[1]


def listens(port: int, process: subprocess.Popen[Any]) -> bool:
    """Whether something listens; fails where the process has ended."""
    assert process.poll() is None, f"{process.args!r} ended with {process.returncode}"
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def running(command: list[str], port: int, **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """A process that listens, for the length of a block."""
    with subprocess.Popen(command, **options) as process:
        try:
            until(lambda: listens(port, process), lambda: f"a listener on {port}")
            yield process
        finally:
            process.terminate()
            process.wait(PATIENCE)


@contextmanager
def our_server(directory: Path, proxmox: int, **settings: str) -> Iterator[int]:
    """``proxmox-mcp serve`` with a Proxmox on a port of loopback. Yields the port."""
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "PYTHONPATH": str(Path(__file__).parents[2] / "src"),
        "MCP_HOST": "127.0.0.1",
        "MCP_PORT": str(port),
        "MCP_AUTH_TOKEN": TOKEN,
        "MCP_CACHE_DIR": str(directory / f"cache-{port}"),
        "PROXMOX_HOST": f"127.0.0.1:{proxmox}",
        "PROXMOX_USER": "mcp@pve",
        "PROXMOX_TOKEN_ID": "mcp",
        "PROXMOX_PASSWORD": "11111111-2222-3333-4444-555555555555",
        "PROXMOX_APIDOC": "bundled",
        **settings,
    }
    with (directory / f"server-{port}.log").open("w") as log:
        command = [sys.executable, "-m", "proxmox_mcp", "serve"]
        with running(command, port, env=environment, stdout=log, stderr=subprocess.STDOUT):
            yield port


@contextmanager
def nginx(directory: Path, server: str, upstream: int, certificate: Certificate) -> Iterator[int]:
    """A recipe with the ports and the certificate of this machine put in. Yields the port that speaks TLS."""
    port = free_port()
    text = server.replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl").replace(":8000", f":{upstream}")
    text = re.sub(r"(ssl_certificate) .*;", rf"\1 {certificate[0]};", text)
    text = re.sub(r"(ssl_certificate_key) .*;", rf"\1 {certificate[1]};", text)
    place = directory / f"nginx-{port}"
    place.mkdir()
    (place / "nginx.conf").write_text(FRAME.format(directory=place, server=text))
    command = [required("nginx"), "-p", str(place), "-e", str(place / "error.log"), "-c", str(place / "nginx.conf")]
    with running(command, port):
        yield port


@contextmanager
def caddy(directory: Path, site: str, upstream: int, certificate: Certificate) -> Iterator[int]:
    """A recipe with the port and the certificate of this machine put in. Yields the port that speaks TLS."""
    port = free_port()
    name = site.split()[0]
    text = site.replace(f"{name} {{", f"https://{name}:{port} {{\n    tls {certificate[0]} {certificate[1]}", 1)
    options = ("admin off", "grace_period 1s", "auto_https off", "default_bind 127.0.0.1", f"default_sni {name}")
    frame = "{\n" + "".join(f"    {option}\n" for option in options) + "}\n"
    place = directory / f"Caddyfile-{port}"
    place.write_text(frame + text.replace(":8000", f":{upstream}"))
    home = {"HOME": str(directory), "PATH": os.environ["PATH"]}
    command = [required("caddy"), "run", "--config", str(place), "--adapter", "caddyfile"]
    with running(command, port, env=home, stderr=subprocess.DEVNULL):
        yield port


@dataclass(frozen=True)
class Site:
    """What a client knows: the port, the name it calls, the path prefix, and whom it trusts."""

    port: int
    name: str
    prefix: str
    certificate: Path

    def http(self, **headers: str) -> httpx2.AsyncClient:
        """A client that sends the name as Host, since no resolver here knows it."""
        trust = ssl.create_default_context(cafile=str(self.certificate))
        return httpx2.AsyncClient(headers={"Host": self.name, **headers}, verify=trust, timeout=PATIENCE)

    def url(self, path: str) -> str:
        return f"https://127.0.0.1:{self.port}{self.prefix}{path}"

    @asynccontextmanager
    async def mcp(self, path: str) -> AsyncIterator[Client]:
        """An MCP client of ``/sse`` or ``/mcp``."""
        authorization = {"Authorization": f"Bearer {TOKEN}"}

        def factory(
            headers: dict[str, str] | None = None,
            timeout: httpx2.Timeout | None = None,
            auth: httpx2.Auth | None = None,
        ) -> httpx2.AsyncClient:
            return self.http(**headers or {})

        async with self.http(**authorization) as client:
            if path == "/mcp":
                transport = streamable_http_client(self.url(path), http_client=client)
            else:
                transport = sse_client(self.url(path), headers=authorization, httpx_client_factory=factory)
            async with Client(transport) as session:
                yield session
