"""How this program was installed, and the command that adds what an optional feature needs.

The command names the checkout or the wheel that was installed, never a package name alone: in a public index that name
may belong to someone else (dependency confusion), whose code would get the credentials of a cluster.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit
from urllib.request import url2pathname

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DISTRIBUTION = "proxmox-mcp-gateway"
"""The name of the distribution. The command is ``proxmox-mcp``, the import package ``proxmox_mcp``."""

_IS_WINDOWS = os.name == "nt"

Manager = Literal["pipx", "uv tool", "uv sync", "uv pip", "pip"]


class Installation(Struct, frozen=True):
    """How this program was installed.

    ``source`` is a checkout, a wheel, or ``git+https://...``; empty if it is unknown or gone. ``requirements`` maps
    each extra (``demo``, ``replicas``) to its requirements; if those are unknown too, the command is one to run in a
    checkout. ``windows``: the command is quoted for a shell of Windows.
    """

    manager: Manager
    python: str
    source: str
    editable: bool
    requirements: Mapping[str, tuple[str, ...]]
    windows: bool = _IS_WINDOWS

    def command_for(self, extra: str) -> str:
        """The command that adds an extra to this installation."""
        if self.manager == "uv sync":
            return self._command_line("uv", "sync", "--project", self.source, "--inexact", "--extra", extra)
        if not self.source and extra in self.requirements:
            return self._command_line(*self._install_packages(), *self.requirements[extra])
        source = self.source or "."
        named = f"{DISTRIBUTION}[{extra}] @ {source}" if "://" in source else f"{source}[{extra}]"
        return self._command_line(*self._reinstall(), *(["--editable"] if self.editable else []), named)

    def _reinstall(self) -> Sequence[str]:
        if self.manager in ("pipx", "uv tool"):
            return (*self.manager.split(), "install", "--force")
        return self._install_packages()

    def _install_packages(self) -> Sequence[str]:
        if self.manager == "pipx":
            return ("pipx", "inject", DISTRIBUTION)
        if self.manager == "pip":
            return (self.python, "-m", "pip", "install")
        return ("uv", "pip", "install", "--python", self.python)

    def _command_line(self, *words: str) -> str:
        return subprocess.list2cmdline(words) if self.windows else shlex.join(words)


def install_command(extra: str) -> str:
    """The command that adds an extra to the running installation."""
    try:
        found: Distribution | None = distribution(DISTRIBUTION)
    except PackageNotFoundError:
        found = None
    return installation_of(found, Path(sys.prefix), sys.executable).command_for(extra)


def start_command() -> tuple[str, ...]:
    """The words that start this program, with an absolute path: desktop applications lack the PATH of a login shell."""
    script = Path(sys.executable).with_name("proxmox-mcp.exe" if _IS_WINDOWS else "proxmox-mcp")
    if script.is_file():
        return (str(script),)
    found = shutil.which("proxmox-mcp")
    return (found,) if found else (sys.executable, "-m", "proxmox_mcp")


def installation_of(found: Distribution | None, prefix: Path, python: str) -> Installation:
    """How a distribution was installed into the environment at ``prefix``, from the files that installers leave there.

    ``direct_url.json`` is PEP 610, ``INSTALLER`` PEP 376; ``pipx_metadata.json`` and ``uv-receipt.toml`` mark the
    environments of pipx and ``uv tool``. ``found`` None: the program runs from a source directory.
    """
    source, editable = _source_of(found) if found is not None else (_checkout(), True)
    return Installation(
        manager=_manager(found, prefix, source),
        python=python,
        source=source,
        editable=editable,
        requirements=_requirements(found),
    )


def _source_of(found: Distribution) -> tuple[str, bool]:
    """Where a distribution came from, and whether it is editable."""
    try:
        direct = json.loads(found.read_text("direct_url.json") or "{}")
    except ValueError:
        return "", False
    url, editable = str(direct.get("url", "")), bool(direct.get("dir_info", {}).get("editable"))
    if version_control := direct.get("vcs_info", {}):
        return f"{version_control.get('vcs', 'git')}+{url}@{version_control.get('commit_id', 'HEAD')}", False
    parts = urlsplit(url)
    path = url2pathname(parts.path) if parts.scheme == "file" else ""
    return (path, editable) if path and Path(path).exists() else ("", False)


def _checkout() -> str:
    """The checkout that contains this module; empty if there is none."""
    root = Path(__file__).parents[2]
    return str(root) if (root / "pyproject.toml").is_file() else ""


def _manager(found: Distribution | None, prefix: Path, source: str) -> Manager:
    if (prefix / "pipx_metadata.json").is_file():
        return "pipx"
    if (prefix / "uv-receipt.toml").is_file():
        return "uv tool"
    if not _created_by_uv(prefix):
        return "pip"
    by_uv = found is None or (found.read_text("INSTALLER") or "").strip() == "uv"
    return "uv sync" if by_uv and source and prefix == Path(source) / ".venv" else "uv pip"


def _created_by_uv(prefix: Path) -> bool:
    """Whether ``uv`` made an environment: it writes its version to ``pyvenv.cfg``, and installs no pip."""
    try:
        return re.search(r"^uv\s*=", (prefix / "pyvenv.cfg").read_text(encoding="utf-8"), re.MULTILINE) is not None
    except OSError:
        return False


def _requirements(found: Distribution | None) -> Mapping[str, tuple[str, ...]]:
    """The requirements of each extra, from lines such as ``redis>=5.2; extra == 'replicas'``."""
    extras: dict[str, tuple[str, ...]] = {}
    for line in (found.requires or ()) if found is not None else ():
        requirement, _, marker = line.partition(";")
        for extra in re.findall(r"""extra == ["']([\w-]+)["']""", marker):
            extras[extra] = (*extras.get(extra, ()), requirement.strip())
    return extras
