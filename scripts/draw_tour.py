"""A picture of the tour, from what a run of ``proxmox-mcp demo --once`` prints: scripts/draw-tour

A test holds docs/images/tour.svg to what the tour says today.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import textwrap
from pathlib import Path

from rich.console import Console
from rich.text import Text

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "tour.svg"
SHOWN = (
    "A wrong call returns every error",
    "The corrected call",
    "Before it destroys anything",
    "Several writes are one plan",
    "Undo the change",
)
"""How the steps begin that the picture shows."""
_COLUMNS = 112
_MOVING = (
    (re.compile(r"\bafter \d+s\b"), "after 1s"),
    (re.compile(r"\b\d{4}_\d\d_\d\d-\d\d_\d\d_\d\d\b"), "2026_11_28-00_15_19"),
    (re.compile(r"^( *confirm: )\S+$", re.MULTILINE), r"\1Ck2xq7uJm0dV"),
)
"""What is different in each run, and what stands for it: the same tour gives the same picture."""
_FETCHED_FONTS = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)
"""A page that shows the picture lets it fetch nothing."""


def picture(told: str) -> str:
    """The SVG. Raises ValueError for a step that ``told``, the output of the tour, does not have or that failed."""
    for pattern, instead in _MOVING:
        told = pattern.sub(instead, told)
    steps = re.split(r"^(?=[✓✗] )", told, flags=re.MULTILINE)
    console = Console(record=True, width=_COLUMNS, file=io.StringIO(), highlight=False)
    for beginning in SHOWN:
        step = next((step for step in steps if step.startswith(f"✓ {beginning}")), "")
        if not step:
            raise ValueError(f"the tour has no step that succeeds and begins with {beginning!r}")
        title, call, *answer = step.rstrip().splitlines()
        console.print(Text.assemble(("✓ ", "green"), (title.removeprefix("✓ "), "bold")))
        console.print(Text(_fitted(call), style="cyan"))
        console.print(Text("\n".join(map(_fitted, answer))))
        console.print()
    drawn = console.export_svg(title="proxmox-mcp demo", unique_id="tour")
    return _FETCHED_FONTS.sub("", drawn).replace("Fira Code,", "Fira Code, ui-monospace, Menlo, Consolas,")


def _fitted(line: str) -> str:
    """The line, broken where it is too long, with the rest further in."""
    margin = len(line) - len(line.lstrip()) + 2
    return "\n".join(textwrap.wrap(line, _COLUMNS, subsequent_indent=" " * margin)) or line


def words(svg: str) -> list[str]:
    """The text of a picture, line by line: what a test compares, since versions of rich draw it differently."""
    return re.findall(r"<text [^>]*>(.*?)</text>", svg)


def main() -> int:
    told = subprocess.run(
        [sys.executable, "-m", "proxmox_mcp", "demo", "--once"], check=True, capture_output=True, text=True
    )
    PICTURE.write_text(picture(told.stdout), encoding="utf-8")
    print(f"{PICTURE.relative_to(PICTURE.parents[2])}  {PICTURE.stat().st_size // 1024} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
