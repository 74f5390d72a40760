"""The files that the project is deployed by, and the tools that judge them."""

from __future__ import annotations

import json
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import yaml

from tools import required

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
    finished = subprocess.run([required(tool), *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return finished.stdout + finished.stderr if finished.returncode else ""
