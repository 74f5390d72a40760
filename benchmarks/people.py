"""What people wait for: several writes as one plan, a page of the console, an approval; and what the audit chain costs.

On the demo cluster, over ``/mcp``. Ten changes as a plan are compared with ten calls, in time and in the cl100k tokens
that a model sends and reads. Pages of the console are compared with ``/livez`` of the same server. An approval is timed
twice: from the call until the console's store shows that it waits, and from a person's yes in the console until the
client has the answer, compared with the same call on a server that asks nobody. The chain is compared with a plain
append of the line, its verification with parsing and hashing the same lines.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from benchmarks.figures import Row, Times, interleaved, table
from benchmarks.guard import plain_append
from benchmarks.wire import Http, opened

from cl100k import count_tokens
from console_site import Visitor
from proxmox_mcp.confirm.approvals import Approvals
from proxmox_mcp.demo import start_demo_cluster
from proxmox_mcp.record.audit_file import AuditFile, head_of, read_head
from proxmox_mcp.record.audit_verify import verify
from proxmox_mcp.record.chain import ChainKey
from proxmox_mcp.store import Store
from proxmox_mcp.web import Person, Role, Sessions
from serving import serving
from upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from benchmarks.wire import Session

    from proxmox_mcp.demo import DemoCluster
    from serving import Served

ROUNDS = 10
STEPS = 10
LINES = 2000
PAGES = ("overview", "approvals", "activity", "changes")
RESET = {"method": "POST", "path": "/nodes/*/qemu/133/status/reset"}
SETTINGS = {
    "MCP_AUTH": "none",
    "MCP_RATE_LIMIT": "0",
    "MCP_PLAN_ASK": "1000",
    "MCP_LOG_LEVEL": "WARNING",
}
_POLL = 0.002
"""Seconds between two looks at the store."""


async def connected(served: Served) -> Session:
    return await opened(await Http.connect(served.port))


async def called(session: Session, tool: str, arguments: dict[str, Any]) -> str:
    """The text of an answer. Raises RuntimeError for a refusal."""
    result = await session.ask("tools/call", {"name": tool, "arguments": arguments})
    return "\n".join(part["text"] for part in result["content"])


def store_of(served: Served) -> Store:
    return Store.in_directory(served.directory / "state" / "state")


def signed_in(served: Served) -> Visitor:
    visitor = Visitor(("127.0.0.1", served.port), f"127.0.0.1:{served.port}")
    visitor.signs_in(Sessions(store_of(served)).make_link(Person("bench", Role.ADMIN)))
    return visitor


async def timed(work: Awaitable[object]) -> float:
    started = perf_counter()
    await work
    return perf_counter() - started


async def planning(served: Served, guests: list[int], rounds: int) -> list[Row]:
    """Ten changes as a plan, and the same as ten calls, in turn."""
    session = await connected(served)
    seconds: dict[str, list[float]] = {"plan": [], "calls": []}
    tokens: dict[str, int] = {}

    def steps(turn: int) -> list[dict[str, Any]]:
        return [
            {"method": "PUT", "path": f"/nodes/*/qemu/{guest}/config", "data": {"description": f"turn {turn}"}}
            for guest in guests
        ]

    async def plan(turn: int) -> None:
        arguments = {"steps": steps(turn)}
        told = await called(session, "proxmox_api_plan", arguments)
        if f"done, {len(guests)} steps" not in told:
            raise RuntimeError(told)
        tokens["plan"] = count_tokens(json.dumps(arguments)) + count_tokens(told)

    async def calls(turn: int) -> None:
        tokens["calls"] = 0
        for step in steps(turn):
            told = await called(session, "proxmox_api_call", step)
            tokens["calls"] += count_tokens(json.dumps(step)) + count_tokens(told)

    for turn in range(-1, rounds):
        for name, work in (("plan", plan(2 * turn)), ("calls", calls(2 * turn + 1))):
            took = await timed(work)
            if turn >= 0:
                seconds[name].append(took)
    await session.close()
    ours, simplest = (Times(tuple(seconds[name])).median * 1000 for name in ("plan", "calls"))
    what = f"{STEPS} changes as a plan, beside {STEPS} calls"
    return [
        Row(what=what, unit="ms", ours=ours, simplest=simplest),
        Row(what=what, unit="tokens", ours=tokens["plan"], simplest=tokens["calls"]),
    ]


def pages(visitor: Visitor, rounds: int) -> Iterator[Row]:
    """Pages of a server that has made the plans and calls above, beside its cheapest answer."""

    def looked_at(path: str) -> None:
        if (status := visitor.get(path).status) != 200:
            raise RuntimeError(f"{path} answers {status}")

    works = {page: partial(looked_at, f"/console/{'' if page == 'overview' else page}") for page in PAGES}
    times = interleaved({**works, "livez": partial(looked_at, "/livez")}, rounds * 3)
    for page in PAGES:
        yield Row(
            what=f"console: {page}, beside `/livez`",
            unit="ms",
            ours=times[page].median * 1000,
            simplest=times["livez"].median * 1000,
        )


def first_waiting(approvals: Approvals) -> int:
    """The number of the call that waits, as soon as there is one."""
    while not (pending := approvals.pending()):
        time.sleep(_POLL)
    return pending[0].number


async def approving(asks: Served, free: Served, rounds: int) -> list[Row]:
    """A call that waits for a yes in the console, and the same call on a server that asks nobody."""
    visitor, approvals = signed_in(asks), Approvals(store_of(asks))
    waiting, alone = await connected(asks), await connected(free)
    noticed, answered, plain = [], [], []
    for turn in range(rounds + 1):
        before = await timed(called(alone, "proxmox_api_call", RESET))
        started = perf_counter()
        call = asyncio.create_task(called(waiting, "proxmox_api_call", RESET))
        number = await asyncio.to_thread(first_waiting, approvals)
        seen = perf_counter()
        form = await asyncio.to_thread(visitor.get, "/console/approvals")
        said_yes = perf_counter()
        fields = {"form_token": form.form_token, "answer": "approve"}
        await asyncio.to_thread(visitor.post, f"/console/approvals/{number}", fields)
        await call
        if turn:
            noticed.append(seen - started)
            answered.append(perf_counter() - said_yes)
            plain.append(before)
    await waiting.close()
    await alone.close()
    return [
        Row(what="approval: from the call until it is shown as waiting", unit="ms", ours=_ms(noticed)),
        Row(
            what="approval: from the yes to the answer, beside the call alone",
            unit="ms",
            ours=_ms(answered),
            simplest=_ms(plain),
        ),
    ]


def _ms(seconds: list[float]) -> float:
    return Times(tuple(seconds)).median * 1000


def chain(rounds: int) -> Iterator[Row]:
    """A line in the chain beside a plain append; and the whole file verified."""
    content = json.dumps({"time": "2026-11-28T10:00:00.000Z", "event": "outcome", "data": "x" * 400})
    with tempfile.TemporaryDirectory() as directory:
        key, path = ChainKey(b"k" * 32), Path(directory, "chained")
        head = head_of(path, Path(directory))
        file = AuditFile(path, head, key)
        append = plain_append(Path(directory, "plain"), content)
        lines = LINES // (rounds * 2)

        def repeat(work: Callable[[], object]) -> None:
            for _ in range(lines):
                work()

        works: dict[str, Callable[[], object]] = {"chained": lambda: file.append(content, sync=False), "plain": append}
        times = interleaved({name: partial(repeat, work) for name, work in works.items()}, rounds * 2)
        each = {name: found.median / lines * 1e6 for name, found in times.items()}
        yield Row(
            what="an audit line in the chain, beside a plain append",
            unit="µs",
            ours=each["chained"],
            simplest=each["plain"],
        )
        file.close()

        def verified() -> None:
            if fault := verify([path], [key], read_head(head)).fault:
                raise RuntimeError(str(fault))

        def hashed() -> None:
            for line in path.read_bytes().splitlines():
                json.loads(line)
                hashlib.sha256(line).digest()

        count = len(path.read_bytes().splitlines())
        times = interleaved({"verify": verified, "hash": hashed}, rounds)
        yield Row(
            what="an audit line verified, beside parsing and hashing it",
            unit="µs",
            ours=times["verify"].median / count * 1e6,
            simplest=times["hash"].median / count * 1e6,
        )


def _machines(cluster: DemoCluster) -> list[int]:
    found = Upstream(cluster).call("GET", "/cluster/resources", type="vm")
    return sorted(guest["vmid"] for guest in found if guest["type"] == "qemu" and not guest.get("template"))[:STEPS]


def measure(rounds: int = ROUNDS) -> list[Row]:
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cluster = stack.enter_context(start_demo_cluster(task_seconds=0.0))
        settings = {**cluster.environment, **SETTINGS}
        asks = stack.enter_context(serving(directory / "asks", **settings, MCP_CONFIRM="operator"))
        free = stack.enter_context(serving(directory / "free", **settings, MCP_MODE="full"))
        return [
            *asyncio.run(planning(free, _machines(cluster), rounds)),
            *pages(signed_in(free), rounds),
            *asyncio.run(approving(asks, free, rounds)),
            *chain(rounds),
        ]


if __name__ == "__main__":
    print(table(measure()))
