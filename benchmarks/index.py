"""Loading an index from an ``apidoc.js``, from the cache, or from a bundled snapshot.

The baseline parses the same bytes with ``json.loads``. An index reads the facts of an endpoint when they are used, so
reading all of them and checking one call are measured too. The ``apidoc.js`` is the one of the sample data beside the
repository, or ``APIDOC=FILE``; without one its rows are left out.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import tempfile
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.figures import Row, interleaved, table

from proxmox_mcp.apidoc import load_index
from proxmox_mcp.apidoc.data_files import data_directory
from proxmox_mcp.apidoc.snapshot import write_snapshot
from proxmox_mcp.apidoc.store import IndexStore
from proxmox_mcp.search import Searcher

if TYPE_CHECKING:
    from collections.abc import Callable


SAMPLE = Path(__file__).parents[2] / "shared" / "data" / "apidoc" / "pve-9.1.3.js"
BUNDLED = "9.1"
ROUNDS = 25
CALL = ("PUT", "/nodes/pve1/qemu/100/config", {"memory": "4096", "net0": "virtio,bridge=vmbr0"})


def read_all(version: str) -> None:
    """Read every fact of every endpoint, as only a search does."""
    for endpoint in load_index(version).endpoints:
        _ = endpoint.schema


def as_lines(data: bytes) -> list[Any]:
    return [json.loads(line) for line in data.splitlines()]


def array_of(document: bytes) -> Any:
    """The array of an ``apidoc.js`` as plain JSON."""
    text = document.decode()
    return json.JSONDecoder().raw_decode(text, text.index("["))[0]


def held(make: Callable[[], object]) -> float:
    """MiB of the Python objects of a result."""
    make()
    gc.collect()
    tracemalloc.start()
    kept = make()
    gc.collect()
    size = tracemalloc.get_traced_memory()[0] / 2**20
    tracemalloc.stop()
    del kept
    return size


def beside(what: str, ours: Callable[[], object], simplest: Callable[[], object]) -> list[Row]:
    """Time and memory of ours and of the baseline."""
    times = interleaved({"ours": ours, "simplest": simplest}, ROUNDS)
    mine, theirs = times["ours"].median * 1000, times["simplest"].median * 1000
    return [
        Row(what=f"index {what}", unit="ms", ours=mine, simplest=theirs),
        Row(what=f"index {what}: memory", unit="MiB", ours=held(ours), simplest=held(simplest)),
    ]


def measure() -> list[Row]:
    rows: list[Row] = []
    snapshot = (data_directory() / f"pve-{BUNDLED}.jsonl").read_bytes()
    given = Path(os.environ.get("APIDOC", SAMPLE))
    if given.is_file():
        document = given.read_bytes()
        rows += beside(
            f"from apidoc.js ({len(document) / 2**20:.1f} MiB)", lambda: load_index(given), lambda: array_of(document)
        )
        index = load_index(given)
    else:
        print(f"no {given}: rows with an apidoc.js are left out, and the cache holds no descriptions", file=sys.stderr)
        index = load_index(BUNDLED)
    with tempfile.TemporaryDirectory() as directory:
        store = IndexStore(Path(directory, "schema"))
        store.save(index)
        cached = write_snapshot(index, prose=True)
        rows += beside("from the cache", store.load, lambda: as_lines(cached))
    rows += beside("from the bundled snapshot", lambda: load_index(BUNDLED), lambda: as_lines(snapshot))
    rows += beside("from the bundled snapshot, every fact read", lambda: read_all(BUNDLED), lambda: as_lines(snapshot))[
        :1
    ]
    times = interleaved(
        {
            "checked": lambda: load_index(BUNDLED).check(*CALL),
            "searched": lambda: Searcher(load_index(BUNDLED)).search("resize a disk"),
            "loaded": lambda: load_index(BUNDLED),
        },
        ROUNDS // 2,
    )
    loaded = times["loaded"].median * 1000
    for what, key in (("and a first call checked", "checked"), ("and a first search", "searched")):
        took = times[key].median * 1000
        rows.append(Row(what=f"bundled snapshot {what}, beside loading it", unit="ms", ours=took, simplest=loaded))
    return rows


if __name__ == "__main__":
    print(table(measure()))
