"""Results of benchmarks: rows of one table, each with a baseline that does the same work in the simplest way."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure. ``simplest`` is that of the baseline in the same run, or None.

    ``aim`` is the limit of the ratio (of ``ours`` without a baseline): the maximum, or with ``more`` the minimum.
    """

    what: str
    unit: str
    ours: float
    simplest: float | None = None
    aim: float | None = None
    more: bool = False

    @property
    def ratio(self) -> float | None:
        return self.ours / self.simplest if self.simplest else None

    @property
    def met(self) -> bool | None:
        """Whether the aim is met; None without an aim."""
        if self.aim is None:
            return None
        figure = self.ours if self.ratio is None else self.ratio
        return figure >= self.aim if self.more else figure <= self.aim


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of many runs."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.seconds)

    @property
    def least(self) -> float:
        return min(self.seconds)

    def share(self, part: float) -> float:
        """The quantile ``part`` (0 to 1)."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def interleaved(works: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Times]:
    """The times of several functions, run in turn, so that other load on the machine affects all of them equally."""
    found: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(rounds):
        names = list(works)
        for name in names if turn % 2 else reversed(names):
            started = perf_counter()
            works[name]()
            found[name].append(perf_counter() - started)
    return {name: Times(tuple(seconds)) for name, seconds in found.items()}


def table(rows: Iterable[Row]) -> str:
    """The rows in Markdown."""
    lines = ["| what | unit | ours | beside | ratio | aim | |", "|---|---|---:|---:|---:|---:|---|"]
    for row in rows:
        cells = (
            row.what,
            row.unit,
            shown(row.ours),
            shown(row.simplest),
            f"{row.ratio:.2f}" if row.ratio is not None else "",
            f"{'≥' if row.more else '≤'} {row.aim:g}" if row.aim is not None else "",
            {True: "met", False: "missed", None: ""}[row.met],
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def shown(figure: float | None) -> str:
    """A figure with three significant digits."""
    if figure is None:
        return ""
    return f"{figure:,.0f}" if abs(figure) >= 100 or figure == int(figure) else f"{figure:.3g}"
