"""Cost and gain of rendering: tokens and time, compared with compact JSON of the same answer, in one run.

PYTHONPATH=src:tests python benchmarks/shape.py
"""

from __future__ import annotations

import json
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

from cl100k import count_tokens
from proxmox_mcp.render import Budget, View, estimate_tokens, nodes_table, nodes_with_guests, render, resources_table
from resources import resources

if TYPE_CHECKING:
    from collections.abc import Callable

WIDE = Budget.of(10**9)


def seconds(work: Callable[[], object], runs: int = 7) -> float:
    """The median time of one run."""
    times = []
    for _ in range(runs):
        started = perf_counter()
        work()
        times.append(perf_counter() - started)
    return median(times)


def row(name: str, data: Any, shaped: Callable[[], str]) -> None:
    plain = json.dumps(data, separators=(",", ":"))
    text = shaped()
    before, after = count_tokens(plain), count_tokens(text)
    took, parse = seconds(shaped), seconds(lambda: json.loads(plain))
    print(
        f"{name:38} {before:9,} {after:7,} {after / before:6.2f} {took * 1000:9.2f} {parse * 1000:9.2f}"
        f" {estimate_tokens(text) / after:9.2f}"
    )


def main() -> None:
    print(f"{'answer':38} {'JSON tok':>9} {'tokens':>7} {'ratio':>6} {'shape ms':>9} {'parse ms':>9} {'est/true':>9}")
    for count in (50, 1000, 10_000):
        found = resources(count, nodes=3 if count < 1000 else 20)
        guests = [r for r in found if r["type"] in ("qemu", "lxc")]
        row(f"{count} guests, curated, first page", guests, lambda found=found: resources_table(found, "vm"))  # type: ignore[misc]
        row(f"{count} guests, raw, first page", guests, lambda guests=guests: render(guests))  # type: ignore[misc]
    few = resources(50)
    row("50 guests, raw, all", few, lambda: render(few, budget=WIDE))
    row("3 nodes", [r for r in few if r["type"] == "node"], lambda: nodes_table(nodes_with_guests(few)))
    many = resources(10_000, nodes=20)
    busy = View.of(filter="status=running and mem>80% and name~web")
    row("10,000 guests, filtered", many, lambda: resources_table(many, "vm", busy))
    log = [{"n": n, "t": f"INFO:  {n // 80}% ({n * 0.4:.1f} GiB of 320.0 GiB) in {n}s"} for n in range(8000)]
    row("a log of 8,000 lines", log, lambda: render(log))
    rrd = [{"time": 60 * n, "cpu": n % 97 / 97, "mem": 1e9 + n, "netin": n * 12.5} for n in range(1440)]
    row("a series of 1,440 points", rrd, lambda: render(rrd))


if __name__ == "__main__":
    main()
