"""Installing clients into a cache directory: npm packages (with a Node that is new enough) and Python ones."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.client_checks.check import NotInstalledError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NODE_AT_LEAST = (22, 19)
"""What MCP Inspector asks for; the conformance suite and Claude Code need 22."""
_MINUTES = 10 * 60.0
_QUIET = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "GEMINI_TELEMETRY_ENABLED": "false",
    "NO_COLOR": "1",
    "NO_UPDATE_NOTIFIER": "1",
}
"""Nothing but loopback is to be talked to."""


@dataclass(frozen=True, slots=True)
class Program:
    """An installed client: how it is started, and what of the environment it needs."""

    version: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(
        self, home: Path, *words: str, timeout: float = 90.0, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end in ``home/work``, with nothing of ours from the environment. Raises TimeoutExpired."""
        return subprocess.run(
            [*self.command, *words],
            cwd=home / "work",
            env=self.environment_at(home) | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def environment_at(self, home: Path) -> dict[str, str]:
        """The whole environment of a run."""
        return {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home), **_QUIET, **self.environment}


class Cache:
    """Where clients are installed, each in a directory of its own, and found again by the next run.

    ``latest``: take the newest release of each instead of the one that is named.
    """

    def __init__(self, directory: Path, *, latest: bool = False) -> None:
        self._directory = directory
        self._latest = latest
        self._node: Path | None = None

    def npm(self, package: str, version: str, program: str) -> Program:
        """An npm package; ``program`` is the file in it that Node is to run. Raises NotInstalledError."""
        node = self._node_at()
        place = self._npm(package, "latest" if self._latest else version)
        installed = json.loads((place / "package.json").read_text(encoding="utf-8"))["version"]
        path = os.pathsep.join((str(node.parent), os.environ.get("PATH", os.defpath)))
        return Program(installed, (str(node), str(place / program)), {"PATH": path})

    def pypi(self, package: str, version: str) -> Program:
        """A Python with a package, in an environment of its own. Raises NotInstalledError."""
        place = self._directory / "pypi" / f"{package}-{'latest' if self._latest else version}"
        python = place / "bin" / "python"
        if not (place / "ready").is_file():
            wanted = package if self._latest else f"{package}=={version}"
            uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
            make = [uv, "venv", "-q", "--clear"] if uv else [sys.executable, "-m", "venv", "--clear"]
            install = [uv, "pip", "install", "-q", "--python"] if uv else []
            _run([*make, str(place)])
            _run([*install, str(python), wanted] if uv else [str(python), "-m", "pip", "install", "-q", wanted])
            (place / "ready").touch()
        asked = f"from importlib.metadata import version; print(version({package!r}))"
        return Program(_run([str(python), "-c", asked]).strip(), (str(python),))

    def _node_at(self) -> Path:
        if self._node is None:
            self._node = _own_node() or self._npm(_node_package(), "22") / "bin" / "node"
        return self._node

    def _npm(self, package: str, version: str) -> Path:
        prefix = self._directory / "npm" / f"{package.replace('/', '+')}-{version}"
        if not (prefix / "ready").is_file():
            npm = shutil.which("npm")
            if npm is None:
                raise NotInstalledError("npm is not on this machine")
            prefix.mkdir(parents=True, exist_ok=True)
            path = os.environ.get("PATH", os.defpath)
            if self._node is not None:
                path = f"{self._node.parent}{os.pathsep}{path}"
            words = ["install", "--no-audit", "--no-fund", "--no-update-notifier", "--ignore-scripts", "--no-save"]
            _run([npm, *words, "--prefix", str(prefix), f"{package}@{version}"], {"PATH": path})
            (prefix / "ready").touch()
        return prefix / "node_modules" / package


def _own_node() -> Path | None:
    """The machine's own Node, where it is new enough."""
    node = shutil.which("node")
    told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout if node else ""
    found = re.match(r"v(\d+)\.(\d+)", told)
    if node is None or found is None or (int(found[1]), int(found[2])) < NODE_AT_LEAST:
        return None
    return Path(node)


def _node_package() -> str:
    """The npm package that holds nothing but a Node for this machine."""
    machine = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine().lower())
    if sys.platform not in ("linux", "darwin") or machine is None:
        wanted = ".".join(map(str, NODE_AT_LEAST))
        raise NotInstalledError(f"Node {wanted} or newer is not on this machine, and npm has none for it")
    return f"node-{sys.platform}-{machine}"


def _run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    """The output of a step of an installation. Raises NotInstalledError."""
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_MINUTES,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalledError(str(error)) from error
    if done.returncode:
        told = " ".join(done.stderr.split())[:300]
        raise NotInstalledError(told or f"{command[0]} ended with status {done.returncode}")
    return done.stdout
