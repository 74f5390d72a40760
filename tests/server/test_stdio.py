"""What runs beside the requests of a client over stdio waits for a pause between them; how such a server ends."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import IO, TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest

from forked import start
from patience import PATIENCE, eventually, until
from proxmox_mcp.server import stdio
from proxmox_mcp.server.stdio import Requests
from serving import environment

if TYPE_CHECKING:
    import subprocess
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from mcp.server.context import HandlerResult

    from forked import Forked

pytestmark = pytest.mark.anyio


CONTEXT: Any = None


class Handler:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.answers = anyio.Event()

    async def __call__(self, _: Any) -> HandlerResult:
        await self.answers.wait()
        return {}


async def over_within(requests: Requests, seconds: float) -> bool:
    with anyio.move_on_after(seconds):
        await requests.pause()
        return True
    return False


async def test_a_pause_comes_after_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdio, "QUIET", 0.01)
    monkeypatch.setattr(stdio, "LONGEST", 10 * PATIENCE)
    requests, handler = Requests(), Handler()
    async with anyio.create_task_group() as group:
        group.start_soon(requests, CONTEXT, handler)
        await anyio.wait_all_tasks_blocked()
        assert not await over_within(requests, 0.1)
        handler.answers.set()
        assert await over_within(requests, PATIENCE)


async def test_a_request_that_is_never_answered_does_not_hold_up_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdio, "LONGEST", 0.05)
    requests, handler = Requests(), Handler()
    async with anyio.create_task_group() as group:
        group.start_soon(requests, CONTEXT, handler)
        await anyio.wait_all_tasks_blocked()
        assert await over_within(requests, PATIENCE)
        handler.answers.set()


@dataclass(frozen=True)
class Started:
    """A server over stdio, and both ends of its client."""

    process: subprocess.Popen[bytes] | Forked
    asks: IO[bytes]
    answers: IO[bytes]
    log: Path

    def sends(self, message: dict[str, Any]) -> None:
        self.asks.write(json.dumps({"jsonrpc": "2.0", "id": 1, **message}).encode() + b"\n")


@contextmanager
def started(directory: Path) -> Iterator[Started]:
    """Once it has answered for the first time. It has no settings, so it has nothing to do but to answer."""
    log = directory / "log"
    given, asks = (os.fdopen(end, mode, buffering=0) for end, mode in zip(os.pipe(), ("rb", "wb"), strict=True))
    answers, output = (os.fdopen(end, mode) for end, mode in zip(os.pipe(), ("rb", "wb"), strict=True))
    with given, output, log.open("wb") as errors:
        process = start(["serve", "--stdio"], environment(directory), output, errors, given)
    found = Started(process, asks, answers, log)
    try:
        found.sends({"method": "ping"})
        assert json.loads(answers.readline())["id"] == 1
        yield found
    finally:
        process.kill()
        answers.close()
        asks.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without a signal")
def test_a_signal_ends_a_server_that_waits_for_the_next_line(number: signal.Signals, tmp_path: Path) -> None:
    with started(tmp_path) as server:
        server.process.send_signal(number)
        assert server.process.wait(PATIENCE) == -number
        assert "Traceback" not in server.log.read_text()


def test_a_client_that_has_gone_is_no_fault(tmp_path: Path) -> None:
    with started(tmp_path) as server:
        server.answers.close()

        def has_ended() -> bool:
            with contextlib.suppress(BrokenPipeError):
                server.sends({"method": "ping"})
            return server.process.poll() is not None

        until(has_ended)
        assert server.process.wait(PATIENCE) == 0
        log = server.log.read_text()
    assert "the client has gone" in log
    assert "Traceback" not in log


class Silent:
    """A server whose client asks nothing until it is told to go."""

    def __init__(self) -> None:
        self.middleware: list[Any] = []
        self.goes = anyio.Event()

    def create_initialization_options(self) -> None:
        return None

    async def run(self, *_: Any) -> None:
        await self.goes.wait()


@contextlib.asynccontextmanager
async def nothing() -> AsyncIterator[tuple[None, None]]:
    yield None, None


@pytest.mark.parametrize("misconfigured", [False, True])
async def test_the_start_is_over_once_in_the_first_pause_or_at_once_where_nothing_can_be_called(
    monkeypatch: pytest.MonkeyPatch, misconfigured: bool
) -> None:
    monkeypatch.setattr(stdio, "QUIET", 0.05)
    monkeypatch.setattr(stdio, "stdio_server", nothing)
    limits, plans = SimpleNamespace(keep=anyio.sleep_forever), SimpleNamespace(running=nothing)
    guard = SimpleNamespace(limits=limits)
    gateway: Any = SimpleNamespace(
        guard=guard, notifier=None, plans=plans, clusters={}, aclose=anyio.lowlevel.checkpoint
    )
    server: Any = Silent()
    over: list[bool] = []
    async with anyio.create_task_group() as group:
        group.start_soon(stdio.serve_stdio, server, None if misconfigured else gateway, lambda: over.append(True))
        await eventually(lambda: over)
        server.goes.set()
    assert over == [True]
