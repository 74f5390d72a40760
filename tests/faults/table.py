"""What each fault came to, as the rows of ``docs/faults.md``: written by the run, held by a test."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from patience import PATIENCE

DOCUMENT = Path(__file__).parents[2] / "docs" / "faults.md"
LONGEST = 340
_HEAD = """\
# Faults

What a client is told when something breaks, within which time, and how often its request came to the node and was
carried out there. Made by `tests/faults`: a real server, a real client, a Proxmox (`fakepve`), and a proxy in between
that counts every request. `PROXMOX_TIMEOUT` is two seconds where a row says so, else a minute. `within` is the bound
and `took` the time of the run that wrote this table; other runs hold no answer to the clock, since a busy machine
makes every answer late. After each fault the same server answers the next call.
`UPDATE_GOLDEN=1 scripts/test tests/faults -m "slow or not slow"` writes the table, on a machine that is not busy.

| fault | call | told | within | took | arrived | done |
|---|---|---|---|---|---|---|
"""
_MOVING = (
    (re.compile(r"127\.0\.0\.1:\d+|\[?127\.0\.0\.1\]?:\d+"), "NODE:PORT"),
    (re.compile(r"([0-9A-F]{2}:){31}[0-9A-F]{2}"), "FINGERPRINT"),
    (re.compile(r"UPID:\S+"), "UPID:..."),
    (re.compile(r"\(now [^()]*\)"), "(now)"),
    (re.compile(r"/\S*/(?=(?:state|schema|secrets|approvals|audit)\b)"), "…/"),
    (re.compile(r"\bin \d+ s\b"), "in N s"),
    (re.compile(r"\bChange \d+"), "Change N"),
    # Which question to a state that is away comes first is up to what was asked before.
    (re.compile(r"It can't be read whether writes are frozen: (?=the state file)"), ""),
    (re.compile(r"(after|within) \d+\.\d+ ?s"), r"\1 N s"),
    (re.compile(r"(ended: OK after) \d+s"), r"\1 N s"),
)


@dataclass(frozen=True)
class Row:
    """``within`` and ``took`` in seconds; ``arrived`` and ``done`` are counted at the proxy, None where none is.

    ``calls``: how many were made one after the other.
    """

    fault: str
    call: str
    told: str
    within: float
    took: float
    arrived: int | None = None
    done: int | None = None
    calls: int = 1

    def __str__(self) -> str:
        counts = ["" if count is None else str(count) for count in (self.arrived, self.done)]
        cells = (self.fault, self.call, cell(self.told), f"{self.within:g} s", f"{self.took:.1f} s", *counts)
        return f"| {' | '.join(cells)} |"

    @property
    def fixed(self) -> str:
        """The row without what is another at every run."""
        return str(Row(self.fault, self.call, self.told, self.within, 0.0, self.arrived, self.done))


@dataclass
class Table:
    """The rows so far. ``incomplete``: a test was skipped or left out, and its rows are missing."""

    rows: list[Row] = field(default_factory=list)
    incomplete: bool = False

    def add(self, row: Row) -> None:
        """Keep a row. It must be in time where the table is written, on a machine that is not busy."""
        bound = row.within if os.environ.get("UPDATE_GOLDEN") else PATIENCE * row.calls
        assert row.took <= bound, f"{row.fault}: {row.took:.1f} s"
        self.rows.append(row)

    def __str__(self) -> str:
        return _HEAD + "".join(f"{row}\n" for row in self.rows)


def cell(text: str) -> str:
    """A text as one cell, without what moves."""
    for pattern, instead in _MOVING:
        text = pattern.sub(instead, text)
    flat = "<br>".join(" ".join(line.split()) for line in text.splitlines() if line).replace("|", "\\|")
    return flat if len(flat) <= LONGEST else f"{flat[: LONGEST - 1]}…"


def told(document: str) -> list[str]:
    """The rows of a document, without what is another at every run."""
    rows = [line for line in document.splitlines() if line.startswith("| ") and not line.startswith("| fault |")]
    return [re.sub(r"\| \d+\.\d s \|", "| 0.0 s |", row) for row in rows]
