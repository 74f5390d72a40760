"""The cost of the guard: for a read, for a write, and for redacting a long answer."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from proxmox_mcp.apidoc.effects import bundled_effects
from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.policy.call import Call, judge
from proxmox_mcp.policy.caller import LOCAL, Limits, Mode
from proxmox_mcp.policy.limits import ProcessLimits
from proxmox_mcp.policy.policy import Policy
from proxmox_mcp.policy.policy_file import load_rules
from proxmox_mcp.record.audit import AuditLog, Outcome
from proxmox_mcp.record.audit_file import AuditFile
from proxmox_mcp.record.chain import ChainKey
from proxmox_mcp.record.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

READ = ("GET", "/nodes/{node}/qemu/{vmid}/status/current")
WRITE = ("DELETE", "/nodes/{node}/qemu/{vmid}")
PATH = {"node": "pve1", "vmid": "102"}
TARGET_MICROSECONDS = 30.0
RULES = """
[[rule]]
verdict = "deny"
effect = "execute"
[[rule]]
verdict = "confirm"
by = "person"
tag = "prod"
effect = ["destroy", "disrupt"]
[[rule]]
verdict = "deny"
path = "/access/**"
method = ["POST", "PUT", "DELETE"]
[[rule]]
verdict = "allow"
path = "/nodes/{node}/qemu/{vmid}/status/*"
guest = "900-999"
"""


def microseconds(work: Callable[[], object], rounds: int = 7, loops: int = 2000) -> float:
    """The median of several rounds, for one call of ``work``."""
    work()
    found = []
    for _ in range(rounds):
        start = perf_counter()
        for _ in range(loops):
            work()
        found.append((perf_counter() - start) / loops * 1e6)
    return median(found)


def passes(policy: Policy, call: tuple[str, str], data: dict[str, Any]) -> Callable[[], object]:
    """One call through judgement, policy and rate limit."""
    method, template = call
    reviews, limits = bundled_effects(), ProcessLimits(Limits(calls_per_minute=0, concurrent=64))

    path = ApiPath.parse("/nodes/pve1/qemu/102/status/current")

    async def guarded() -> object:
        call = judge(Call(method=method, template=template, path=path, path_params=PATH, data=data), reviews)
        async with limits.call(LOCAL):
            return policy.decide(call)

    return lambda: finished(guarded())


def finished(work: Coroutine[Any, Any, object]) -> object:
    """The result of a coroutine that never waits, without an event loop, which would cost more than the work."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    raise RuntimeError("it waits")


def plain_append(path: Path, content: str) -> Callable[[], object]:
    """Writes a line as an audit without a chain would: the path looked at, one write."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def append() -> None:
        assert path.stat().st_ino == os.fstat(file).st_ino
        os.write(file, f"{content}\n".encode())

    return append


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "policy.toml")
        file.write_text(RULES)
        plain, ruled = Policy(Mode.GUARDED), Policy(Mode.GUARDED, load_rules(file))
        redactor = Redactor(known=["0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"])
        audit = AuditLog(Path(directory, "audit.jsonl"), redactor)
        call = Call(id="1", tool="proxmox_api_get", method=READ[0], template=READ[1], path=ApiPath.parse("/nodes"))
        guests = [
            {"id": f"qemu/{n}", "type": "qemu", "vmid": n, "name": f"guest-{n}", "node": "pve1", "status": "running"}
            | {"cpu": 0.01, "maxcpu": 4, "mem": n << 20, "maxmem": n << 21, "uptime": n, "tags": "prod;web"}
            for n in range(100, 150)
        ]
        decided = microseconds(passes(plain, READ, {}))
        with_rules = microseconds(passes(ruled, READ, {}))
        line = microseconds(lambda: audit.outcome(call, Outcome(result="ok", seconds=0.01)))
        content = json.dumps({"time": "2026-11-28T10:00:00.000Z", "event": "outcome", "data": "x" * 400})
        chained = AuditFile(Path(directory, "chained"), Path(directory, "head"), ChainKey(b"k" * 32))
        unchained = plain_append(Path(directory, "unchained"), content)
        rows = [
            ("read: judged, decided, counted", decided),
            ("read: the same with four rules", with_rules),
            ("read: its audit line", line),
            (
                "  of that the chain",
                microseconds(lambda: chained.append(content, sync=False)) - microseconds(unchained),
            ),
            ("write: judged, decided with four rules", microseconds(passes(ruled, WRITE, {"purge": "1"}))),
            ("write: its audit line, synced to disk", microseconds(lambda: audit.intent(call), 3, 20)),
            ("secrets out of 50 guests", microseconds(lambda: redactor.data(guests), 5, 50)),
        ]
        audit.close()
        chained.close()
    for name, cost in rows:
        print(f"{name:<42}{cost:10.1f} us")
    whole = with_rules + line
    met = "within" if whole < TARGET_MICROSECONDS else "over"
    print(f"{'the whole guard on a read':<42}{whole:10.1f} us  ({met} the target of {TARGET_MICROSECONDS:.0f} us)")


if __name__ == "__main__":
    main()
