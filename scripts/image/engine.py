"""What ``scripts/check-image`` needs of a container engine, and its Docker form."""

from __future__ import annotations

import json
import subprocess
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

# The limits of compose.yaml: what the image must be able to live with.
HARDENED = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--tmpfs=/tmp:size=16m,noexec,nosuid")

KILLED = 137


@dataclass(frozen=True, slots=True)
class Config:
    """An image's configuration, as Docker writes it."""

    user: str
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    environment: Mapping[str, str]
    labels: Mapping[str, str]
    volumes: tuple[str, ...]
    health: tuple[str, ...]

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> Config:
        """From the ``config`` object of an image in Docker's format."""
        return cls(
            user=config.get("User") or "",
            entrypoint=tuple(config.get("Entrypoint") or ()),
            command=tuple(config.get("Cmd") or ()),
            environment=dict(line.split("=", 1) for line in config.get("Env") or ()),
            labels=config.get("Labels") or {},
            volumes=tuple(config.get("Volumes") or ()),
            health=tuple((config.get("Healthcheck") or {}).get("Test") or ()),
        )


Finished = subprocess.CompletedProcess[str]


class Server(Protocol):
    """A container that runs the image's own command."""

    def run(self, *command: str, text: str = "") -> Finished:
        """A command inside the container, as its user; ``text`` is its standard input."""

    def spawn(self, *command: str, text: str = "") -> subprocess.Popen[str]:
        """The same, not waited for."""

    def stop(self) -> tuple[int | None, float]:
        """SIGTERM to the first process. Returns its exit status (None where it had to be killed) and the seconds."""

    def log(self) -> str:
        """What the server has written."""

    def close(self) -> None:
        """Remove the container, killed where it still runs."""


class Engine(Protocol):
    """Builds an image and starts it under the limits of ``compose.yaml``."""

    name: str

    def build(self, context: Path, arguments: Mapping[str, str], target: str) -> str:
        """Build a stage of the Dockerfile. Returns the name of the image."""

    def pull(self, image: str) -> None:
        """Fetch an image by name where the engine doesn't have it."""

    def config(self, image: str) -> Config: ...

    def megabytes(self, image: str) -> float: ...

    def run(self, image: str, *command: str, environment: Mapping[str, str], root: bool = False) -> Finished:
        """A command in a new container, instead of the image's own."""

    def start(self, image: str, environment: Mapping[str, str]) -> Server: ...

    def close(self) -> None:
        """Remove what was made for this run, save what makes the next one quicker."""


def output(*command: str) -> str:
    """What a command prints; raises CalledProcessError where it fails."""
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout


def finish(command: Sequence[str], text: str = "", seconds: float = 60) -> Finished:
    """Run to the end; both streams kept."""
    return subprocess.run(command, input=text, text=True, capture_output=True, timeout=seconds, check=False)


def begin(command: Sequence[str], text: str) -> subprocess.Popen[str]:
    """Start a command that reads ``text`` and goes on."""
    process = subprocess.Popen(
        command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdin is not None  # noqa: S101
    process.stdin.write(text)
    process.stdin.close()
    return process


def switches(name: str, values: Mapping[str, str]) -> list[str]:
    return [f"--{name}={key}={value}" for key, value in values.items()]


class Docker:
    """A Docker engine, through its command line."""

    name = "docker"

    @staticmethod
    def usable() -> bool:
        """Whether the client is there and an engine answers it."""
        try:
            return finish(["docker", "info", "--format", "{{.ServerVersion}}"]).returncode == 0
        except FileNotFoundError:
            return False

    def build(self, context: Path, arguments: Mapping[str, str], target: str) -> str:
        image = f"proxmox-mcp:check-{target}-{arguments['REVISION'][:12]}"
        options = ["--target", target, "--tag", image, *switches("build-arg", arguments)]
        subprocess.run(["docker", "build", *options, str(context)], check=True)
        return image

    def pull(self, image: str) -> None:
        subprocess.run(["docker", "pull", "--quiet", image], check=True)

    def config(self, image: str) -> Config:
        return Config.read(json.loads(output("docker", "image", "inspect", image))[0]["Config"])

    def megabytes(self, image: str) -> float:
        return float(json.loads(output("docker", "image", "inspect", image))[0]["Size"]) / 1e6

    def run(self, image: str, *command: str, environment: Mapping[str, str], root: bool = False) -> Finished:
        program, *arguments = command
        user = ["--user=0:0", "--workdir=/"] if root else []
        start = ["docker", "run", "--rm", *HARDENED, *user, *switches("env", environment)]
        return finish([*start, f"--entrypoint={program}", image, *arguments])

    def start(self, image: str, environment: Mapping[str, str]) -> Server:
        name = f"proxmox-mcp-check-{uuid.uuid4().hex[:8]}"
        output("docker", "run", "--detach", f"--name={name}", *HARDENED, *switches("env", environment), image)
        return DockerServer(name)

    def close(self) -> None:
        """Docker keeps its own layers; containers were removed as they ended."""


@dataclass
class DockerServer:
    """A running container."""

    container: str

    def run(self, *command: str, text: str = "") -> Finished:
        return finish(["docker", "exec", "--interactive", self.container, *command], text)

    def spawn(self, *command: str, text: str = "") -> subprocess.Popen[str]:
        return begin(["docker", "exec", "--interactive", self.container, *command], text)

    def stop(self) -> tuple[int | None, float]:
        began = time.monotonic()
        finish(["docker", "stop", "--time=20", self.container])
        seconds = time.monotonic() - began
        status = int(json.loads(output("docker", "container", "inspect", self.container))[0]["State"]["ExitCode"])
        return (None if status == KILLED else status), seconds

    def log(self) -> str:
        finished = finish(["docker", "logs", self.container])
        return finished.stdout + finished.stderr

    def close(self) -> None:
        finish(["docker", "rm", "--force", "--volumes", self.container])
