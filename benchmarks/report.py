"""Runs the benchmarks and prints the results in one table; ``docs/performance.md`` is made from it.

    scripts/bench [NAME ...] [--write]      the table of these, or of all; --write: into docs/performance.md too
    scripts/bench NAME [OPTIONS]            one that prints its own: validate, search, guard, shape

The table is in Markdown: what was measured, ours, the baseline, their ratio, and the aim. The exit status is 1 if an
aim was missed.
"""

from __future__ import annotations

import importlib
import os
import platform
import runpy
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.figures import Row, table

if TYPE_CHECKING:
    from collections.abc import Sequence

TITLES = {
    "start": "Start",
    "roundtrip": "Round trip",
    "load": "Load",
    "growth": "Growth",
    "index": "Index",
    "library": "The steps of a call",
    "people": "What people wait for",
    "console": "The console",
}
ALONE = ("validate", "search", "guard", "shape")
PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
PACKAGES = ("mcp", "proxmoxer", "requests", "uvicorn", "pydantic")


@dataclass(frozen=True, slots=True)
class Section:
    """The results of one benchmark, and its description."""

    title: str
    says: str
    rows: Sequence[Row]


def run(name: str) -> Section:
    """One benchmark. Raises ImportError for an unknown name."""
    print(f"{name} ...", file=sys.stderr, flush=True)
    module = importlib.import_module(f"benchmarks.{name}")
    return Section(TITLES[name], (module.__doc__ or "").strip(), module.measure())


def whole_table(sections: Sequence[Section]) -> str:
    """One table, each benchmark under its title."""
    parts = []
    for number, section in enumerate(sections):
        head, line, *rows = table(section.rows).split("\n")
        parts += [*([head, line] if number == 0 else []), f"| **{section.title}** | | | | | | |", *rows]
    return "\n".join(parts)


def page(sections: Sequence[Section]) -> str:
    """The document: the table, and what each part of it means."""
    said = "\n\n".join(f"## {section.title}\n\n{section.says}" for section in sections)
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"""# Performance

<!-- Made by scripts/bench --write. -->

Every figure is compared with a baseline that does the same work in the simplest way, or with the smallest case. Both
were measured in turn in one run, because absolute times depend on the machine. `scripts/bench` repeats all of it.

This run: {platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores, {packages}.

{whole_table(sections)}

{said}
"""


def main(arguments: Sequence[str]) -> int:
    """0, or 1 where an aim was missed; 2 for an unknown name."""
    if arguments and arguments[0] in ALONE:
        sys.argv = list(arguments)
        runpy.run_module(f"benchmarks.{arguments[0]}", run_name="__main__")
        return 0
    names = [each for each in arguments if each != "--write"] or list(TITLES)
    if unknown := [each for each in names if each not in TITLES]:
        print(f"unknown benchmark: {', '.join(unknown)}; known are {', '.join((*TITLES, *ALONE))}", file=sys.stderr)
        return 2
    sections = [run(name) for name in names]
    print(whole_table(sections))
    if "--write" in arguments:
        PAGE.write_text(page(sections), encoding="utf-8")
    return int(any(row.met is False for section in sections for row in section.rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
