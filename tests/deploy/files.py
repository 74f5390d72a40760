"""The files that the project is deployed by, and the tools that judge them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def yaml_of(name: str) -> Any:
    return yaml.safe_load(text(name))


def json_of(name: str) -> Any:
    return json.loads(text(name))


def project() -> dict[str, Any]:
    return tomllib.loads(text("pyproject.toml"))


def judged_by(tool: str, *arguments: str) -> str:
    """What a linter of the development tools says, empty where it is content; skips where it is not installed."""
    program = shutil.which(tool, path=sysconfig.get_path("scripts")) or shutil.which(tool)
    if program is None:
        pytest.skip(f"{tool} is not installed (pip install -e '.[dev]'; on {sys.platform} it may have no package)")
    finished = subprocess.run([program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return finished.stdout + finished.stderr if finished.returncode else ""
