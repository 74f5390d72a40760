"""The check compared with recorded verdicts of Proxmox, and its cost.

    benchmarks/validate.py [--data DIR]

Agreement by class on the verdict files, and the time of a check with its routing over the 9.1 file in random order in
one process, cold (compiling on first use) and warm. For scale, in the same run: fastjsonschema on the schemas of our
OpenAPI document, which checks only parameters: no path, no Proxmox formats, no property strings.
"""

from __future__ import annotations

import argparse
import gc
import gzip
import json
import random
import sys
from collections import Counter
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from proxmox_mcp.apidoc import EndpointIndex, Schema, load_index
from proxmox_mcp.apidoc.openapi import openapi
from proxmox_mcp.apidoc.validation.checker import formats_of
from proxmox_mcp.apidoc.validation.compiler import Compiler
from proxmox_mcp.apidoc.validation.structures import structures

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from proxmox_mcp.apidoc.model import Wire

    Call = dict[str, Any]

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = {"9.1": "pve-9.1.3.js", "9.2": "pve-9.2-head.js"}
CLASSES = ("accept", "static", "path", "index", "format")
GUESTS = {
    "/nodes/{node}/qemu",
    "/nodes/{node}/lxc",
    "/nodes/{node}/qemu/{vmid}/config",
    "/nodes/{node}/lxc/{vmid}/config",
}
SEED = 20261122
TARGETS = {"median": 12.0, "p90": 60.0, "guest": 40.0, "hints": 2000.0}
"""Microseconds."""


def read(path: Path) -> list[Call]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def is_encoded_otherwise(call: Call, sent: Wire) -> bool:
    """Whether the verdict is for another value than we send: for the JSON text of an object that we write as a property
    string, or for a list that we write as the text of its parameter."""
    params = call["params"]
    lists = [name for name, value in params.items() if isinstance(value, list)]
    as_text = any(isinstance(sent.get(name), str) for name in lists)
    return as_text or any(isinstance(value, dict) for value in params.values())


def agreement(index: EndpointIndex, calls: Sequence[Call]) -> bool:
    """Print the table by class: what Proxmox takes in some encoding, and what we take."""
    count: Counter[tuple[str, bool, bool]] = Counter()
    for call in calls:
        taken = bool(call["ok"] or call.get("form", call)["ok"])
        found = index.check(call["method"], call["path"], call["params"])
        ok = found.ok
        if taken != ok and is_encoded_otherwise(call, found.data):
            continue
        kind = "accept" if taken else call["class"]
        count[kind, taken, ok] += 1
    print(f"  {'class':8}{'calls':>8}{'agreed':>8}{'share':>9}")
    for kind in CLASSES:
        wanted = kind == "accept"
        right, wrong = count[kind, wanted, wanted], count[kind, wanted, not wanted]
        if right + wrong:
            print(f"  {kind:8}{right + wrong:8}{right:8}{right / (right + wrong):9.2%}")
    false = count["accept", True, False]
    print(f"  false refusals: {false}")
    return false == 0 and all(count[kind, False, True] == 0 for kind in ("static", "path", "index"))


def formats(path: Path) -> bool:
    """Print the agreement on single values of named formats."""
    compiler = Compiler(structures("9.1"), formats_of(load_index("9.1")))
    verdicts = read(path)
    validators = {
        name: compiler.validator("value", Schema(format=name)) for name in {each["format"] for each in verdicts}
    }
    agreed = false = 0
    for each in verdicts:
        validate = validators[each["format"]]
        ok = validate is None or validate(each["value"]) is None
        agreed += ok == each["ok"]
        false += each["ok"] and not ok
    share = agreed / len(verdicts)
    print(f"{len(validators)} formats, {len(verdicts)} values, agreed: {share:.2%}, false refusals: {false}")
    return false == 0


def times(calls: Sequence[Call], work: Callable[[Call], object]) -> list[float]:
    """Microseconds of each call."""
    found = []
    for call in calls:
        start = perf_counter()
        work(call)
        found.append((perf_counter() - start) * 1e6)
    return found


def row(name: str, found: Sequence[float]) -> dict[str, float]:
    ordered = sorted(found)
    at = {
        name: ordered[min(int(len(ordered) * share), len(ordered) - 1)]
        for name, share in (("median", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0))
    }
    print(f"  {name:34}{len(ordered):8}" + "".join(f"{value:10.1f}" for value in at.values()))
    return at


def speed(document: Path, calls: list[Call]) -> bool:
    """Print the times of checks, in microseconds."""
    random.Random(SEED).shuffle(calls)
    index = load_index(document)
    gc.collect()
    gc.freeze()  # the verdicts themselves are no part of what is measured

    def check(call: Call) -> object:
        return index.check(call["method"], call["path"], call["params"])

    def check_with_hints(call: Call) -> object:
        return [problem.hint for problem in index.check(call["method"], call["path"], call["params"]).problems]

    print(f"  {'microseconds':34}{'calls':>8}{'median':>10}{'p90':>10}{'p99':>10}{'max':>10}")
    row("cold: compiled on first use", times(calls, check))
    warm = row("warm", times(calls, check))
    guests = [call for call in calls if call["method"] in {"POST", "PUT"} and _template(index, call) in GUESTS]
    guest = row("warm, create or configure a guest", times(guests, check))
    rounds = [times(calls, check_with_hints) for _ in range(4)]
    hints = row("warm, with hints, best of three", [min(each) for each in zip(*rounds[1:], strict=True)])
    others(index, calls)
    return (
        warm["median"] <= TARGETS["median"]
        and warm["p90"] < TARGETS["p90"]
        and guest["median"] < TARGETS["guest"]
        and hints["max"] < TARGETS["hints"]
    )


def _template(index: EndpointIndex, call: Call) -> str:
    endpoint = index.resolve(call["method"], call["path"])
    return endpoint.path if endpoint else ""


def others(index: EndpointIndex, calls: Sequence[Call]) -> None:
    """The same bodies through fastjsonschema, for scale: only the parameters of POST and PUT, already routed."""
    try:
        import fastjsonschema
    except ImportError:
        print("  fastjsonschema is not installed: no comparison")
        return
    bodies: dict[str, Callable[[Any], Any]] = {}
    for path, methods in openapi(index)["paths"].items():
        for method in methods.keys() & {"post", "put"}:
            content = methods[method].get("requestBody", {}).get("content", {})
            if schema := content.get("application/json", {}).get("schema"):
                bodies[f"{method.upper()} {path}"] = fastjsonschema.compile(plain_schema(schema))
    routed = [(bodies[key], call["params"]) for call in calls if (key := _key(index, call)) in bodies]

    def validate(work: tuple[Callable[[Any], Any], Any]) -> None:
        try:
            work[0](work[1])
        except fastjsonschema.JsonSchemaException:
            return

    found = []
    for work in routed:
        start = perf_counter()
        validate(work)
        found.append((perf_counter() - start) * 1e6)
    row("fastjsonschema, parameters only", found)
    ours = [call for call in calls if _key(index, call) in bodies]
    row("ours on the same calls", times(ours, lambda call: index.check(call["method"], call["path"], call["params"])))


def _key(index: EndpointIndex, call: Call) -> str:
    return f"{call['method']} {_template(index, call)}"


def plain_schema(schema: Any) -> Any:
    """The schema without formats, which fastjsonschema doesn't know, and defaults, which it would fill in."""
    if isinstance(schema, dict):
        return {key: plain_schema(each) for key, each in schema.items() if key not in {"format", "default"}}
    return [plain_schema(each) for each in schema] if isinstance(schema, list) else schema


def main(arguments: Sequence[str] | None = None) -> int:
    """0 where every target is met, 1 where one isn't, 2 without the sample data."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="the sample data")
    data = parser.parse_args(arguments).data
    if not (data / "validator").is_dir():
        print(f"the sample data is not at {data}", file=sys.stderr)
        return 2
    good = True
    calls: list[Call] = []
    for version, name in reversed(DOCUMENTS.items()):
        calls = read(data / "validator" / f"verdicts-{version}.jsonl.gz")
        print(f"verdicts of Proxmox VE {version}")
        good &= agreement(load_index(data / "apidoc" / name), calls)
    good &= formats(data / "validator" / "formats.jsonl.gz")
    print("speed on the verdicts of 9.1, in random order")
    good &= speed(data / "apidoc" / DOCUMENTS["9.1"], calls)
    print("every target met" if good else "a target was missed")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
