"""What is promised of the image, one line a promise: what, whether it is kept, and what was seen."""

from __future__ import annotations

import json
import re
import secrets
import socket
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripts.image.engine import Config, Engine, Server

SESSION = Path(__file__).with_name("session.py").read_text(encoding="utf-8")
SECRETS = (
    "PROXMOX_PASSWORD",
    "MCP_AUTH_TOKEN",
    "MCP_STATE_KEY",
    "MCP_STATE_URL",
    "MCP_DATABASE_URL",
    "MCP_CONSOLE_PASSWORD",
    "MCP_NOTIFY",
    "MCP_AUDIT_KEY",
)
COMPILERS = "for p in cc gcc g++ clang as ld make cargo rustc uv; do command -v $p; done; true"
CACHES = "find / -xdev ( -path */.cache/* -o -name uv -type f -o -path /var/lib/apt/lists/*_Packages ) -print"
TOOLS = {
    "search_api",
    "proxmox_api_get",
    "proxmox_api_call",
    "proxmox_api_plan",
    "list_nodes",
    "get_cluster_resources",
}
DISTRIBUTION = "proxmox-mcp-gateway"
READY_SECONDS = 30.0
STOP_SECONDS = 10.0

Outcome = tuple[str, bool, str]


def outcomes(engine: Engine, image: str, version: str, revision: str) -> Iterator[Outcome]:
    """All promises, in the order in which an image is built, started, used and stopped."""
    port = free_port()
    environment = {
        "MCP_PORT": port,
        "MCP_AUTH_TOKEN": secrets.token_urlsafe(32),
        "PROXMOX_HOST": "127.0.0.1:1",
        "PROXMOX_USER": "check@pve",
        "PROXMOX_TOKEN_ID": "mcp",
        "PROXMOX_PASSWORD": str(uuid.uuid4()),
    }
    yield from about_config(engine.config(image), version, revision)
    yield from about_content(engine, image, environment)
    server = engine.start(image, environment)
    try:
        yield from about_server(server, port, version)
        yield from about_end(server)
    finally:
        server.close()


def about_demo(engine: Engine, image: str) -> Iterator[Outcome]:
    """The image of the demo: its tour is one real client's, over its own server and cluster."""
    config = engine.config(image)
    started = " ".join(config.entrypoint + config.command)
    yield "it starts the demo", started == "proxmox-mcp demo", started
    reached = config.environment.get("DEMO_HOST", "")
    yield "it can be reached through a published port", reached == "0.0.0.0", reached  # noqa: S104 - of a container
    tour = engine.run(image, *config.entrypoint, *config.command, "--once", environment={"MCP_PORT": free_port()})
    yield "every step of its tour does what it says", tour.returncode == 0, (tour.stdout + tour.stderr)[-600:]


def about_config(config: Config, version: str, revision: str) -> Iterator[Outcome]:
    """What can be read off the image without starting it."""
    user = re.fullmatch(r"[1-9]\d*:[1-9]\d*", config.user)
    yield "its user is a number, and not root's", bool(user), config.user
    started = config.entrypoint + config.command
    yield "it starts the server itself, not a shell", started == ("proxmox-mcp", "serve"), " ".join(started)
    yield "/data is a volume", config.volumes == ("/data",), " ".join(config.volumes)
    yield "its health check asks the server", "proxmox_mcp.health" in " ".join(config.health), " ".join(config.health)
    label = "org.opencontainers.image."
    found = (config.labels.get(label + "version"), config.labels.get(label + "revision"))
    yield "its labels tell version and revision", found == (version, revision), f"{found[0]} {found[1]}"
    held = [name for name in SECRETS if name in config.environment]
    yield "it holds no secret", not held, " ".join(held)


def about_content(engine: Engine, image: str, environment: dict[str, str]) -> Iterator[Outcome]:
    """What lies in the image, and what it does when it must not start."""
    compilers = engine.run(image, "sh", "-c", COMPILERS, environment={}, root=True).stdout.split()
    yield "no compiler and no installer came along", not compilers, " ".join(compilers)
    caches = engine.run(image, *CACHES.split(), environment={}, root=True).stdout.split()
    yield "no cache came along", not caches, " ".join(caches[:3])
    listing = "import importlib.metadata as m; print(*sorted({d.name for d in m.distributions()}))"
    names = engine.run(image, "python3", "-c", listing, environment={}).stdout.split()
    extra = {"pytest", "mypy", "fakepve"} & set(names)
    yield "nothing for development came along", DISTRIBUTION in names and not extra, f"{len(names)} distributions"
    written = engine.run(image, "touch", "/app/written", environment={}, root=True)
    yield "its root is read-only, for root too", "Read-only" in written.stderr, written.stderr.strip()
    config = engine.config(image)
    bare = {name: value for name, value in environment.items() if name != "MCP_AUTH_TOKEN"}
    started = engine.run(image, "timeout", "30", *config.entrypoint, *config.command, environment=bare)
    told = "MCP_AUTH_TOKEN" in started.stdout + started.stderr
    yield "without a token it says what to set", told, (started.stdout + started.stderr).strip()[-200:]


def about_server(server: Server, port: str, version: str) -> Iterator[Outcome]:
    """The running container: read-only, healthy, without privileges, answering MCP on both transports."""
    began = time.monotonic()
    while (healthy := server.run("python3", "-m", "proxmox_mcp.health", port).returncode) and (
        time.monotonic() - began < READY_SECONDS
    ):
        time.sleep(0.1)
    yield "it is healthy soon", healthy == 0, f"{time.monotonic() - began:.1f} s"
    if healthy != 0:
        yield "it says why", False, server.log()[-2000:]
        return
    yield (
        "a port where nothing listens is not healthy",
        server.run("python3", "-m", "proxmox_mcp.health", "9").returncode == 1,
        "",
    )
    status = dict(
        line.split(":\t", 1) for line in server.run("cat", "/proc/1/status").stdout.splitlines() if ":\t" in line
    )
    uids = set(status["Uid"].split())
    yield "the first process is the server, not root", "0" not in uids, f"{status['Name']}, uid {' '.join(uids)}"
    bare = int(status["CapEff"], 16) == 0 and status["NoNewPrivs"] == "1"
    yield "it has no capability and can't gain one", bare, f"CapEff {status['CapEff']}"
    talked = server.run("python3", "-", "talk", text=SESSION)
    seen: dict[str, Any] = json.loads(talked.stdout) if talked.returncode == 0 else {}
    yield "an MCP client can talk to it", bool(seen), talked.stderr.strip()[-600:]
    if seen:
        yield from about_session(seen, version)
    kept = server.run("find", "/data", "-type", "f", "-size", "+0").stdout.split()
    yield "the audit is kept in the volume", "/data/audit.jsonl" in kept, f"{len(kept)} files"
    memory = int(status["VmRSS"].split()[0]) / 1024
    yield "memory at rest is under 128 MiB", memory < 128, f"{memory:.0f} MiB"  # half of compose.yaml's limit


def about_session(seen: dict[str, Any], version: str) -> Iterator[Outcome]:
    """What the client inside the container saw."""
    yield "/livez asks for no token", seen["/livez without a token"] == 200, ""
    for path in ("/sse", "/mcp"):
        told = seen[path]
        status = seen[f"{path} without a token"]
        yield f"{path} without a token is refused", status == 401, str(status)
        yield f"{path} lists the tools", set(told["tools"]) == TOOLS, f"{len(told['tools'])} tools"
        yield f"{path} is of this version", told["version"] == version, told["version"]
        yield f"{path} finds the endpoint", "/status/start" in told["found"], ""
        yield f"{path} says that Proxmox is away", bool(told["away"]), told["away"].splitlines()[0][:100]


def about_end(server: Server) -> Iterator[Outcome]:
    """SIGTERM while a client holds an SSE stream, as every deployment does it."""
    client = server.spawn("python3", "-", "hold", text=SESSION)
    assert client.stdout is not None  # noqa: S101
    line = client.stdout.readline().strip()
    yield "a client holds a stream", line == "open", line
    status, seconds = server.stop()
    client.kill()
    client.wait()
    client.stdout.close()
    # 143: the server ended in order and then passed the signal on, as uvicorn does.
    yield (
        "SIGTERM ends it at once and in order",
        status in (0, 143) and seconds < STOP_SECONDS,
        f"status {status}, {seconds:.1f} s",
    )
    _, found, traceback = server.log().partition("Traceback")
    yield "without a traceback", not found, traceback[:3000]


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])
