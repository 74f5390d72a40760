"""What a node, or the way to it, does wrong: each told with its cause and in time, and no write sent twice."""

from __future__ import annotations

import itertools
import json
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from clients import Answer, Session, connect
from faults.proxy import Fault, close, refusal, reset, says
from faults.table import Row
from patience import Watch
from proxmox.raw_server import reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from faults.proxy import Ask, Proxy
    from faults.table import Table
    from proxmox.raw_server import Request
    from serving import Served

pytestmark = pytest.mark.anyio

CONFIG = "/nodes/pve1/qemu/100/config"
DOUBT = "check before you repeat it"
PAGE = b"<html><body>Welcome to nginx!</body></html>"
_NUMBERS = itertools.count()


def of_the_call(request: Request) -> bool:
    """Not what the server asks by itself, such as the node's version."""
    return "/qemu/100/" in request.target


def on_call(respond: Callable[[Any, Ask], None]) -> Fault:
    return Fault(respond=respond, when=of_the_call)


def of_the_write(fault: Fault) -> Fault:
    """Of a write the request that writes alone: the state before it and after it is read as ever."""
    return replace(fault, when=lambda request: request.method == "PUT" and fault.when(request))


def mute(connection: Any) -> None:
    """Take the connection and never say a word."""
    while connection.recv(65536):
        pass


def silent(connection: Any, ask: Ask) -> None:
    """Do what was asked and say nothing."""
    ask()
    mute(connection)


def late(connection: Any, ask: Ask) -> None:
    answer = ask()
    time.sleep(0.6)
    connection.sendall(answer)


def drips(connection: Any, ask: Ask) -> None:
    """The head at once, then a byte every fifth of a second: each read is in time, the whole is not."""
    head, _, body = ask().partition(b"\r\n\r\n")
    connection.sendall(head.replace(f"Content-Length: {len(body)}".encode(), b"Content-Length: 4000") + b"\r\n\r\n")
    while True:
        connection.sendall(b" ")
        time.sleep(0.2)


def cut(connection: Any, ask: Ask) -> None:
    """Half of the answer, then an end in the plain way."""
    answer = ask()
    connection.sendall(answer[: len(answer) - 8])
    close(connection)


def reset_after(share: float) -> Callable[[Any, Ask], None]:
    """So much of the answer, then a RST."""

    def respond(connection: Any, ask: Ask) -> None:
        answer = ask()
        if share:
            connection.sendall(answer[: int(len(answer) * share)])
            time.sleep(0.05)
        reset(connection)

    return respond


def lost_before_it_was_done(connection: Any, ask: Ask) -> None:
    reset(connection)


def too_long(connection: Any, ask: Ask) -> None:
    """The length says more than comes, and the connection stays open."""
    answer = ask()
    length = len(answer.partition(b"\r\n\r\n")[2])
    connection.sendall(answer.replace(f"Content-Length: {length}".encode(), f"Content-Length: {length + 100}".encode()))
    mute(connection)


def too_short(connection: Any, ask: Ask) -> None:
    answer = ask()
    length = len(answer.partition(b"\r\n\r\n")[2])
    connection.sendall(answer.replace(f"Content-Length: {length}".encode(), b"Content-Length: 5"))


def without_length(connection: Any, ask: Ask) -> None:
    head, _, body = ask().partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-length")]
    connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + body)
    close(connection)


def broken_chunks(connection: Any, ask: Ask) -> None:
    ask()
    connection.sendall(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"dat\r\nnot a length\r\n')
    close(connection)


def page(status: int, reason: str) -> Callable[[Any, Ask], None]:
    return says(reply(status=status, reason=reason, body=PAGE, Content_Type="text/html"))


@dataclass(frozen=True)
class Case:
    """A fault and what is held of it, for a read and a write.

    ``told`` is a fragment of both answers, empty where they succeed; ``arrived`` and ``done`` count one call;
    ``doubtful``: the write may have taken effect, and its answer says so. ``cluster``: the way to the node.
    """

    name: str
    fault: Fault
    told: str
    within: float
    arrived: int = 1
    done: int = 0
    doubtful: bool = False
    cluster: str = "patient"


CASES = [
    Case("nothing listens on the port", Fault(refuses=True), "refuses the connection", 2, arrived=0),
    Case("reset as soon as it is connected", Fault(greet=reset), "closed the connection during the TLS", 2, 0),
    Case("connected, and never a word", Fault(greet=mute), "did not answer within ", 4, 0, cluster="quick"),
    Case("plain HTTP on the port", Fault(greet=lambda c: c.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")),
         "does not speak TLS", 2, 0),
    Case("reset before it was done", on_call(lost_before_it_was_done), "closed the connection before it answered", 2,
         doubtful=True),
    Case("reset after it was done", on_call(reset_after(0)), "closed the connection before it answered", 2, done=1,
         doubtful=True),
    Case("reset in the middle of the answer", on_call(reset_after(0.9)), "was cut off", 2, done=1,
         doubtful=True),
    Case("the answer ends before its end", on_call(cut), "was cut off", 2, done=1, doubtful=True),
    Case("less than its length says", on_call(too_long), "did not answer in PROXMOX_TIMEOUT", 4,
         done=1, doubtful=True, cluster="quick"),
    Case("more than its length says", on_call(too_short), "something that is not JSON", 2, done=1,
         doubtful=True),
    Case("no length at all", on_call(without_length), "", 2, done=1),
    Case("malformed chunks", on_call(broken_chunks), "was cut off", 2, done=1, doubtful=True),
    Case("a slow first byte, within PROXMOX_TIMEOUT", on_call(late), "", 2, done=1),
    Case("no first byte", on_call(silent), "did not answer in PROXMOX_TIMEOUT", 4, done=1,
         doubtful=True, cluster="quick"),
    Case("a byte now and then, for ever", on_call(drips), "was not complete in the time limit", 9, done=1,
         doubtful=True, cluster="quick"),
    Case("a web page with 200", on_call(page(200, "OK")), "with a web page instead of a response", 2,
         doubtful=True),
    Case("a web page with 404", on_call(page(404, "Not Found")), "web page came with status 404", 2),
    Case("a web page with 502", on_call(page(502, "Bad Gateway")), "web page came with status 502", 2,
         doubtful=True),
    Case("a redirect", on_call(says(reply(status=301, reason="Moved", Location="https://127.0.0.1:1/"))),
         "a redirect, which is not followed", 2),
    Case("no HTTP at all", on_call(says(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")), "is not HTTP", 2, doubtful=True),
    Case("401 after three seconds", on_call(refusal(401, "authentication failure", after=3.0)),
         "Proxmox refuses the credentials", 5),
    Case("500 in Proxmox's words", on_call(refusal(500, "got no worker upid - start worker failed")),
         "got no worker upid", 2),
    Case("503 in Proxmox's words", on_call(refusal(503, "Service Unavailable")), "Service Unavailable", 2),
    Case("595: the node can't reach the other", on_call(refusal(595, "No route to host")),
         'can\'t reach node pve1 (595 "No route to host")', 2),
    Case("595: pvedaemon does not run on the node", on_call(refusal(595, "Connection refused")),
         "pvedaemon is not running on node pve1 (595", 2),
    Case("596: the way to the other node timed out", on_call(refusal(596, "Connection timed out")),
         "can't reach node pve1 (596", 2, doubtful=True),
]  # fmt: skip


async def read(session: Session, cluster: str = "patient") -> Answer:
    return await session.get(CONFIG, fields="name", cluster=cluster)


async def write(session: Session, text: str, cluster: str = "patient") -> Answer:
    return await session.make("PUT", CONFIG, {"description": text}, cluster=cluster)


async def recovered(session: Session, cluster: str) -> None:
    """Until a read over the same way succeeds; at once, but where a busy machine is too slow for ``quick``."""
    while (answer := await read(session, cluster)).text != "name: guest-100":
        assert (answer.is_error, cluster) == (True, "quick"), answer


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_what_goes_wrong_is_told_in_time_and_no_write_is_sent_twice(
    case: Case, server: Served, proxy: Proxy, table: Table
) -> None:
    mark = f"fault-{next(_NUMBERS)}-"
    answers: dict[str, tuple[Answer, float]] = {}

    async def timed(kind: str, call: Awaitable[Answer]) -> None:
        watch = Watch()
        answers[kind] = await call, watch.seconds

    async with connect(server, "http") as session:
        # A host that failed a moment ago has less time to connect, and ``quick`` does where a busy machine is too slow.
        await recovered(session, case.cluster)
        before = proxy.count(CONFIG)
        with proxy.harm(case.fault):
            await timed("read", read(session, case.cluster))
        after = proxy.count(CONFIG)
        with proxy.harm(of_the_write(case.fault)):
            await timed("write", write(session, mark, case.cluster))
        for kind, (answer, took) in sorted(answers.items()):
            assert answer.is_error is bool(case.told), answer
            assert case.told in answer.text
            assert "<html" not in answer.text
            assert (DOUBT in answer.text) is (case.doubtful and kind == "write"), answer
            table.add(Row(case.name, kind, answer.text, case.within, took, case.arrived, case.done))
        assert proxy.count(mark) == (case.arrived, case.done)
        assert tuple(b - a for a, b in zip(before, after, strict=True)) == (case.arrived, case.done)
        await recovered(session, case.cluster)
        assert not (await write(session, f"{mark}after")).is_error, "after the fault all is well"


async def test_what_was_left_on_a_connection_is_never_taken_for_the_answer_to_the_next_call(
    server: Served, proxy: Proxy
) -> None:
    poison = reply({"name": "poison"})

    def leaves(connection: Any, ask: Ask) -> None:
        connection.sendall(ask() + b" " * 9000 + poison + poison)

    def leaves_more(connection: Any, ask: Ask) -> None:
        connection.sendall(ask() + poison * 200)

    async with connect(server, "http") as session:
        for respond in (leaves, leaves_more):
            with proxy.harm(on_call(respond)):
                for _ in range(4):
                    assert (await read(session)).text == "name: guest-100"
                    assert not (await session.call("list_nodes", cluster="patient")).is_error


@pytest.mark.slow
async def test_a_storm_of_failures_is_told_call_by_call_and_over_when_it_is_over(
    server: Served, proxy: Proxy, table: Table
) -> None:
    storm = itertools.cycle([(500, "oops"), (503, "Service Unavailable"), (596, "Connection timed out")])

    def respond(connection: Any, ask: Ask) -> None:
        refusal(*next(storm))(connection, ask)

    async with connect(server, "http") as session:
        watch = Watch()
        with proxy.harm(of_the_write(on_call(respond))):
            answers = [await write(session, f"storm-{number}") for number in range(60)]
        took = watch.seconds
        assert all(answer.is_error for answer in answers)
        assert proxy.count("storm-") == (60, 0)
        assert not (await write(session, "calm")).is_error
    table.add(Row("sixty 5xx in a row", "60 writes", answers[-1].text, 20, took, 60, 0, calls=60))


async def test_a_server_behind_a_fault_goes_on_answering_what_needs_no_node(
    server: Served, proxy: Proxy, table: Table
) -> None:
    async with connect(server, "http") as session:
        with proxy.harm(Fault(greet=mute)):
            watch = Watch()
            found = await session.call("search_api", query="start a vm", cluster="quick")
            ready = server.ask("GET", "/readyz")
            took = watch.seconds
    assert "/nodes/{node}/qemu/{vmid}/status/start" in found.text
    assert ready.status == 200
    table.add(Row("connected, and never a word", "search_api", found.text.splitlines()[0], 4, took))


async def test_every_call_through_the_faults_is_on_record(server: Served) -> None:
    lines = (server.directory / "audit.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    writes = [record for record in records if record["method"] == "PUT"]
    intents = {record["id"] for record in writes if record["event"] == "intent"}
    outcomes = {record["id"] for record in writes if record["event"] == "outcome"}
    assert len(intents) >= 2 * len(CASES)
    assert intents == outcomes
