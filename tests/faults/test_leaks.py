"""After many rounds of what goes wrong, a server holds no more threads, descriptors and memory than before."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clients import connect
from faults.proxy import Fault, refusal, reset, says
from faults.raw_clients import HttpClient, SseClient
from faults.table import Row
from faults.test_answers import CONFIG, cut, on_call, page, reset_after, too_short
from patience import Watch, until
from proxmox.raw_server import reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clients import Session
    from faults.proxy import Proxy, Respond
    from faults.table import Table
    from serving import Served

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="looks into /proc"),
]

LONG = [pytest.mark.slow, pytest.mark.timeout(900)]
_MOST_ROUNDS = 12
_NEXT_TO_NOTHING = 256
"""KiB; ten such rounds are less than half of what a test allows."""
WHOLE = reply({"name": "guest-100", "cores": 1})


def canned(respond: Respond) -> Fault:
    """A fault that asks no cluster: what is looked at is what it does to the server."""
    return on_call(lambda connection, _: respond(connection, lambda: WHOLE))


CHEAP = [
    on_call(says(WHOLE)),
    Fault(refuses=True),
    Fault(greet=reset),
    canned(reset_after(0)),
    canned(cut),
    canned(too_short),
    on_call(page(502, "Bad Gateway")),
    on_call(refusal(500, "oops")),
]


@dataclass(frozen=True)
class Holding:
    """What a process holds; memory in KiB."""

    threads: int
    descriptors: int
    memory: int

    @classmethod
    def of(cls, served: Served) -> Holding:
        process = Path(f"/proc/{served.process.pid}")
        status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
        descriptors = len(list((process / "fd").iterdir()))
        return cls(int(status["Threads"]), descriptors, int(status["VmRSS"].split()[0]))

    def within(self, before: Holding, memory: int) -> bool:
        """Whether it is no more than before, but for so many MiB and what comes and goes."""
        calm = self.threads <= before.threads + 3 and self.descriptors <= before.descriptors + 3
        return calm and self.memory <= before.memory + memory * 1024


def settled(served: Served, before: Holding, memory: int) -> None:
    """Wait until what has just ended is gone; fails where the server goes on holding more than before."""
    until(lambda: Holding.of(served).within(before, memory), lambda: f"{before}, not {Holding.of(served)},")


def rounds_until_warm(served: Served) -> Iterator[None]:
    """Yields before each round of some work, until one of them has added next to no memory.

    What is used for the first time stays: 14 MB for the store, 7 MB for a search; when it comes is up to the machine.
    """
    until((served.directory / "state" / "state" / "state.sqlite").exists)
    before = Holding.of(served)
    for _ in range(_MOST_ROUNDS):
        yield
        now = Holding.of(served)
        if now.memory <= before.memory + _NEXT_TO_NOTHING:
            return
        before = now
    pytest.fail(f"each of {_MOST_ROUNDS} rounds added memory: {before}")


async def round_of_faults(session: Session, proxy: Proxy, each: int) -> dict[str, str]:
    """So many reads and writes under every fault. Gives the answers of the writes that could reach the proxy."""
    answers: dict[str, str] = {}
    for kind, fault in enumerate(CHEAP):
        with proxy.harm(fault):
            for number in range(each):
                written = f"leak-{kind}-{number}"
                call = (
                    session.make("PUT", CONFIG, {"description": written}, cluster="patient")
                    if number % 2
                    else session.get(CONFIG, cluster="patient")
                )
                answer = await call
                assert answer.is_error is (fault is not CHEAP[0]), answer
                if number % 2 and not fault.refuses and fault.greet is None:
                    answers[written] = answer.text
    return answers


@pytest.mark.parametrize("each", [pytest.param(40, marks=pytest.mark.slow), pytest.param(400, marks=LONG)])
async def test_hundreds_of_calls_through_faults_leave_nothing_behind(
    each: int, server: Served, proxy: Proxy, table: Table
) -> None:
    async with connect(server, "http") as session:
        assert not (await session.get(CONFIG, cluster="patient")).is_error
        for _ in rounds_until_warm(server):
            await round_of_faults(session, proxy, 6)
        before = Holding.of(server)
        arrived = len(proxy.requests)
        watch = Watch()
        answers = await round_of_faults(session, proxy, each)
        took = watch.seconds
        writes = Counter(
            request.body.decode().removeprefix("description=")
            for request in proxy.requests[arrived:]
            if request.method == "PUT"
        )
        settled(server, before, memory=6)
    assert {written: answer for written, answer in answers.items() if not writes[written]} == {}, "each came there"
    assert max(writes.values()) == 1, "and once"
    assert writes.total() == each // 2 * 6
    told = "(no more threads, descriptors or memory than before)"
    if each == 40:
        table.add(Row("320 calls through eight of these", "both", told, 30, took, 240, calls=320))


@pytest.mark.parametrize("rounds", [60, pytest.param(1000, marks=LONG)])
def test_sessions_that_end_in_any_way_leave_nothing_behind(rounds: int, server: Served) -> None:
    def visit(tool: str = "search_api", **arguments: str) -> None:
        for kind in (SseClient, HttpClient):
            client: SseClient | HttpClient = kind(server)
            client.initialize()
            client.call(tool, {"cluster": "patient", **(arguments or {"query": "start a vm"})})
            client.vanish()
            if isinstance(client, HttpClient):
                client.end()

    visit("proxmox_api_get", path=CONFIG)  # its line of activity opens the store
    for _ in rounds_until_warm(server):
        for _ in range(10):
            visit()
    before = Holding.of(server)
    for _ in range(rounds):
        visit()
    settled(server, before, memory=6)
