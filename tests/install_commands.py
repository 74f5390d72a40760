"""Finds install commands in text, and says what is wrong with them.

Nobody may be sent to a public index for this project by its name: the name ``proxmox-mcp`` belongs to somebody else
there, and any other name that we don't hold can be taken tomorrow.
"""

from __future__ import annotations

import itertools
import re
import shlex
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from proxmox_mcp.installation import DISTRIBUTION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = frozenset(PROJECT["optional-dependencies"])


def _name(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9][\w.-]*", requirement)
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else ""


_OTHERS = {
    "pip",
    "pipx",
    "uv",
    *map(_name, PROJECT["dependencies"]),
    *(_name(each) for extra in PROJECT["optional-dependencies"].values() for each in extra),
}
"""Packages of others that may be named: they are who we think they are, since we depend on them."""

_INSTALLS = (
    ("pip", "install"),
    ("pip3", "install"),
    ("pip", "download"),
    ("pipx", "install"),
    ("pipx", "run"),
    ("pipx", "inject"),
    ("uv", "pip", "install"),
    ("uv", "tool", "install"),
    ("uv", "tool", "run"),
    ("uv", "add"),
    ("uvx",),
    ("poetry", "add"),
    ("pdm", "add"),
    ("conda", "install"),
    ("easy_install",),
)
_BY_NAME = tuple(
    (*tool, verb) for tool in (("pipx",), ("uv", "tool")) for verb in ("uninstall", "upgrade", "reinstall")
)
_ONE_PACKAGE = frozenset({("pipx", "run"), ("uv", "tool", "run"), ("uvx",)})
"""What follows the package is a command and its arguments."""
_TAKE_A_PACKAGE = ("-e", "--editable", "--from", "--with", "--spec")
_TAKE_A_VALUE = ("-r", "-c", "--python", "--project", "--find-links", "--index-url", "--extra-index-url", "--target")
_PROGRAMS = "(?:pip3?|pipx|uvx?|poetry|pdm|conda|easy_install)"
_COMMAND = re.compile(rf"(?<![\w-]){_PROGRAMS}(?= )[^`\n]*")
MAY_NAME_ONE = re.compile(rf"\b{_PROGRAMS}\b|mcp(?:[-_]\w+)*\[")
"""Code without this has no install command, however its strings are put together."""
_ENDS = re.compile(r" #|&&|\|\||[;|<>]|\$\(|(?<!\[\w)\)")
_NAMED = re.compile(r"(?<![\w/.-])proxmox[-_]mcp(?:[-_]\w+)*\[(?!\S*\]\s*@\s)")


def faults(text: str) -> list[str]:
    """What is wrong with the install commands in a text, each with the command."""
    found = [f"`{each[0]}...`: an extra of a name in an index" for each in _NAMED.finditer(text)]
    for match in _COMMAND.finditer(text):
        command = _ENDS.split(match[0])[0].strip()
        found += [f"`{command}`: {fault}" for fault in _faults_of(_words(command))]
    return found


def commands(text: str) -> list[str]:
    """The commands in a text that install something."""
    found = (_ENDS.split(each[0])[0].strip() for each in _COMMAND.finditer(text))
    return [each for each in found if _kind(_words(each), _INSTALLS) or each.startswith("uv sync")]


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return command.replace("'", " ").replace('"', " ").split()


def _kind(words: Sequence[str], kinds: Sequence[tuple[str, ...]]) -> tuple[str, ...] | None:
    return next((kind for kind in kinds if tuple(words[: len(kind)]) == kind), None)


def _faults_of(words: list[str]) -> Iterator[str]:
    if (kind := _kind(words, _BY_NAME)) is not None:
        named = [word for word in words[len(kind) :] if not word.startswith("-")]
        yield from (f"{name} is not the distribution {DISTRIBUTION}" for name in named[:1] if name != DISTRIBUTION)
    elif words[:2] == ["uv", "sync"] or words[:2] == ["uv", "run"]:
        extras = [value for option, value in itertools.pairwise(words) if option == "--extra"]
        yield from (f"there is no extra {extra}" for extra in extras if extra not in EXTRAS)
        asked = [value for option, value in itertools.pairwise(words) if option == "--with"]
        yield from (fault for package in asked if (fault := _fault_of(package)))
    elif (kind := _kind(words, _INSTALLS)) is not None:
        packages = _packages(kind, words[len(kind) :])
        if kind == ("pipx", "inject"):
            yield from (f"{name} is not {DISTRIBUTION}" for name in packages[:1] if name not in (DISTRIBUTION, "{}"))
            packages = packages[1:]
        yield from (fault for package in packages if (fault := _fault_of(package)))


def _packages(kind: tuple[str, ...], words: Sequence[str]) -> list[str]:
    packages, rest = [], iter(words)
    for word in rest:
        option, equals, value = word.partition("=")
        if option in _TAKE_A_PACKAGE:
            packages.append(value if equals else next(rest, ""))
        elif word in _TAKE_A_VALUE:
            next(rest, "")
        elif not word.startswith("-"):
            if not (kind in _ONE_PACKAGE and packages):
                packages.append(word)
            if kind in _ONE_PACKAGE:
                break
    return packages


def _fault_of(package: str) -> str:
    local = re.match(r"[./~$<]|dist/|git\+|\{", package) is not None or ".whl" in package
    extras = re.search(r"\[([\w,]+)\]", package)
    if local or " @ " in package:
        unknown = set(extras[1].split(",")) - EXTRAS if extras else set()
        return f"there is no extra {', '.join(sorted(unknown))}" if unknown else ""
    return "" if _name(package) in _OTHERS else f"{package} is looked up by name in a public index"
