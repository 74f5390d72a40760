"""The single steps of a call: search, check, guard, render; each compared with a baseline.

Search is compared with SQLite's FTS5 on the same text and the project's own questions; both find less for unseen
questions. The check of path, parameters and formats is compared with fastjsonschema, which gets only the parameters,
already routed. Guarding a read (judge, decide by four rules, count, record) has no baseline; more than half of it is
the audit line, which is chained and written before the answer leaves. Redacting 50 guests is compared with parsing the
same answer; rendering them, with compact JSON, in time and in cl100k tokens.
``scripts/bench search``, ``validate``, ``guard`` and ``shape`` go deeper.
"""

from __future__ import annotations

import json
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import guard, search
from benchmarks.figures import Row, interleaved, table
from benchmarks.validate import plain_schema

from cl100k import count_tokens
from proxmox_mcp.apidoc import EndpointIndex, load_index
from proxmox_mcp.apidoc.openapi import openapi
from proxmox_mcp.apidoc.path import ApiPath
from proxmox_mcp.policy.call import Call
from proxmox_mcp.policy.caller import Mode
from proxmox_mcp.policy.policy import Policy
from proxmox_mcp.policy.policy_file import load_rules
from proxmox_mcp.record.audit import AuditLog, Outcome
from proxmox_mcp.record.redaction import Redactor
from proxmox_mcp.render import Budget, resources_table
from resources import resources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

BUNDLED = "9.1"
ROUNDS = 40
REPEATS = 20
GUARD_AIM = 30.0
"""Microseconds."""
CALLS: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("PUT", "/nodes/pve1/qemu/100/config", {"memory": "4096", "cores": 2, "onboot": 1}),
    ("PUT", "/nodes/pve1/qemu/100/config", {"net0": "virtio,bridge=vmbr0", "agent": "enabled=1", "tags": "web;prod"}),
    ("POST", "/nodes/pve1/qemu/100/status/start", {"timeout": 60}),
    ("POST", "/nodes/pve1/qemu/100/migrate", {"target": "pve2", "online": 1}),
    ("POST", "/nodes/pve1/lxc/101/snapshot", {"snapname": "before", "description": "before the update"}),
    ("POST", "/nodes/pve1/vzdump", {"vmid": "100,101", "mode": "snapshot", "compress": "zstd", "storage": "nas"}),
    ("POST", "/access/users", {"userid": "ann@pve", "email": "ann@example.org", "enable": 1}),
    ("PUT", "/access/acl", {"path": "/vms/100", "roles": "PVEVMAdmin", "users": "ann@pve"}),
    ("POST", "/cluster/firewall/groups/web", {"type": "in", "action": "ACCEPT", "proto": "tcp", "dport": "80,443"}),
    ("PUT", "/nodes/pve1/qemu/100/resize", {"disk": "scsi0", "size": "+10G"}),
)


def searching() -> Iterable[Row]:
    index = load_index(BUNDLED)
    questions = search.read_questions(search.QUESTIONS)
    ours, fts5 = search.ours(index), search.fts5(index)
    for engine in (ours, fts5):
        search.answer(questions, engine)
    times = interleaved(
        {"ours": lambda: search.answer(questions, ours), "fts5": lambda: search.answer(questions, fts5)}, 5
    )
    each = {name: found.median / len(questions) * 1e6 for name, found in times.items()}
    yield Row(what="a search, beside SQLite FTS5", unit="µs", ours=each["ours"], simplest=each["fts5"])
    shares = []
    for engine in (ours, fts5):
        asked = [found for found in search.answer(questions, engine) if found.question.accept]
        shares.append(100 * sum(0 < found.rank <= 5 for found in asked) / len(asked))
    yield Row(
        what="right endpoint in the first five, beside FTS5", unit="%", ours=shares[0], simplest=shares[1], more=True
    )


def checking() -> Iterable[Row]:
    index = load_index(BUNDLED)
    for call in CALLS:
        if problems := index.check(*call).problems:
            raise AssertionError(f"{call} is sound, and was refused: {problems}")
    works: dict[str, Callable[[], object]] = {
        "ours": lambda: [index.check(*call) for call in CALLS * REPEATS],
        **by_fastjsonschema(index, CALLS * REPEATS),
    }
    times = {name: found.median / len(CALLS) / REPEATS * 1e6 for name, found in interleaved(works, ROUNDS).items()}
    yield Row(
        what="a sound call checked, beside fastjsonschema on its parameters alone",
        unit="µs",
        ours=times["ours"],
        simplest=times.get("fastjsonschema"),
    )


def by_fastjsonschema(
    index: EndpointIndex, calls: Sequence[tuple[str, str, dict[str, object]]]
) -> dict[str, Callable[[], object]]:
    """The check by fastjsonschema, where it is installed; its validators are compiled before."""
    try:
        import fastjsonschema
    except ImportError:
        print("fastjsonschema is not installed: no comparison", file=sys.stderr)
        return {}
    paths = openapi(index)["paths"]
    works: list[tuple[Callable[[Any], Any], dict[str, object]]] = []
    compiled: dict[tuple[str, str], Callable[[Any], Any]] = {}
    for method, path, data in calls:
        endpoint = index.resolve(method, path)
        assert endpoint is not None
        key = method.lower(), endpoint.path
        if key not in compiled:
            schema = paths[endpoint.path][key[0]]["requestBody"]["content"]["application/json"]["schema"]
            compiled[key] = fastjsonschema.compile(plain_schema(schema))
        works.append((compiled[key], data))
    return {"fastjsonschema": lambda: [validate(data) for validate, data in works]}


def repeat(work: Callable[[], object], times: int) -> None:
    for _ in range(times):
        work()


def guarding() -> Iterable[Row]:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "policy.toml")
        file.write_text(guard.RULES)
        redactor = Redactor(known=["0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"])
        audit = AuditLog(Path(directory, "audit.jsonl"), redactor)
        method, template = guard.READ
        call = Call(id="1", tool="proxmox_api_get", method=method, template=template, path=ApiPath.parse("/nodes"))
        decide = guard.passes(Policy(Mode.GUARDED, load_rules(file)), guard.READ, {})
        ended = Outcome(result="ok", seconds=0.01)
        works: dict[str, Callable[[], object]] = {"decide": decide, "record": lambda: audit.outcome(call, ended)}
        times = interleaved({name: partial(repeat, work, 100) for name, work in works.items()}, ROUNDS)
        whole = sum(each.least for each in times.values()) / 100 * 1e6
        audit.close()
    yield Row(
        what="a read guarded: judged, decided by four rules, counted, on record (best)",
        unit="µs",
        ours=whole,
        aim=GUARD_AIM,
    )
    data = resources(50)
    text = json.dumps({"data": data})
    times = interleaved({"ours": lambda: redactor.data(data), "parse": lambda: json.loads(text)}, ROUNDS * 5)
    mine, parse = times["ours"].median * 1e6, times["parse"].median * 1e6
    yield Row(what="secrets out of 50 guests, beside parsing them", unit="µs", ours=mine, simplest=parse)


def shaping() -> Iterable[Row]:
    data, wide = resources(50), Budget.of(10**9)
    works: dict[str, Callable[[], str]] = {
        "ours": lambda: resources_table(data, "all", budget=wide),
        "json": lambda: json.dumps(data, separators=(",", ":")),
    }
    times = interleaved(works, ROUNDS * 5)
    mine, plain = times["ours"].median * 1e6, times["json"].median * 1e6
    yield Row(what="50 guests as a table, beside compact JSON", unit="µs", ours=mine, simplest=plain)
    tokens = {name: float(count_tokens(work())) for name, work in works.items()}
    yield Row(
        what="50 guests as a table, beside compact JSON", unit="tokens", ours=tokens["ours"], simplest=tokens["json"]
    )


def measure() -> list[Row]:
    return [*searching(), *checking(), *guarding(), *shaping()]


if __name__ == "__main__":
    print(table(measure()))
