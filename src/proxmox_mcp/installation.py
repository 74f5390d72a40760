"""How this program was installed, and the command that adds what an optional feature needs.

The command names the checkout or the wheel that was installed, never a package by its name alone: a name in a public
index may be somebody else's, and what that installs would be given the credentials of a cluster.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit
from urllib.request import url2pathname

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DISTRIBUTION = "proxmox-mcp-gateway"
"""The name that installers know. The command is ``proxmox-mcp``, the import package ``proxmox_mcp``."""

_IS_WINDOWS = os.name == "nt"

Manager = Literal["pipx", "uv tool", "uv sync", "uv pip", "pip"]


@dataclass(frozen=True, slots=True)
class Installation:
    """What put this program where it runs.

    ``source`` is a checkout, a wheel, or ``git+https://...``; empty where it is unknown or gone. ``requirements`` are
    those of each extra of this project (``demo``, ``replicas``), by its name; where they are unknown too, the command
    is one for the directory of a checkout.
    """

    manager: Manager
    python: str
    source: str
    editable: bool
    requirements: Mapping[str, tuple[str, ...]]

    def command_for(self, extra: str) -> str:
        """The line that adds an extra to this very installation."""
        if self.manager == "uv sync":
            return _line("uv", "sync", "--project", self.source, "--inexact", "--extra", extra)
        if not self.source and extra in self.requirements:
            return _line(*self._adds_packages(), *self.requirements[extra])
        source = self.source or "."
        named = f"{DISTRIBUTION}[{extra}] @ {source}" if "://" in source else f"{source}[{extra}]"
        return _line(*self._installs_again(), *(["--editable"] if self.editable else []), named)

    def _installs_again(self) -> Sequence[str]:
        if self.manager in ("pipx", "uv tool"):
            return (*self.manager.split(), "install", "--force")
        return self._adds_packages()

    def _adds_packages(self) -> Sequence[str]:
        if self.manager == "pipx":
            return ("pipx", "inject", DISTRIBUTION)
        if self.manager == "pip":
            return (self.python, "-m", "pip", "install")
        return ("uv", "pip", "install", "--python", self.python)


def install_command(extra: str) -> str:
    """The line that adds an extra to the installation that is running."""
    try:
        found: Distribution | None = distribution(DISTRIBUTION)
    except PackageNotFoundError:
        found = None
    return installation_of(found, Path(sys.prefix), sys.executable).command_for(extra)


def installation_of(found: Distribution | None, prefix: Path, python: str) -> Installation:
    """How a distribution was installed into the environment at ``prefix``, by what installers leave there.

    ``direct_url.json`` and ``INSTALLER`` are PEP 610 and PEP 376; ``pipx_metadata.json`` and ``uv-receipt.toml`` mark
    the environments of pipx and ``uv tool``. Without a distribution the program runs from a directory of source.
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
    """The checkout that this module is in, where it is in one."""
    root = Path(__file__).parents[2]
    return str(root) if (root / "pyproject.toml").is_file() else ""


def _manager(found: Distribution | None, prefix: Path, source: str) -> Manager:
    if (prefix / "pipx_metadata.json").is_file():
        return "pipx"
    if (prefix / "uv-receipt.toml").is_file():
        return "uv tool"
    if not _made_by_uv(prefix):
        return "pip"
    by_uv = found is None or (found.read_text("INSTALLER") or "").strip() == "uv"
    return "uv sync" if by_uv and source and prefix == Path(source) / ".venv" else "uv pip"


def _made_by_uv(prefix: Path) -> bool:
    """Whether ``uv`` made an environment: it leaves its version in the file, and puts no pip there."""
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


def _line(*words: str) -> str:
    """A command as the shell of this system takes it."""
    return subprocess.list2cmdline(words) if _IS_WINDOWS else shlex.join(words)
