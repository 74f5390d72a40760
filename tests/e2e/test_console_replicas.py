"""The console of two servers behind nginx, on one PostgreSQL: what is decided at one counts at the other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from clients import connect
from console_site import Visitor
from e2e.test_replicas import STATE_KEY, balancer
from serving import TOKEN, Served, serving
from tools import needs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postgres_server import PostgresServer

pytestmark = [needs("nginx"), pytest.mark.anyio]

RESET = "/nodes/*/qemu/110/status/reset"


@pytest.fixture(scope="module")
def both(
    on_demo: dict[str, str],
    postgres: PostgresServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Served, Served, int]]:
    """Two servers, and the port of nginx, which asks them in turn."""
    directory = tmp_path_factory.mktemp("consoles")
    shared = {
        **on_demo,
        "MCP_DATABASE_URL": postgres.new_database(),
        "MCP_STATELESS": "true",
        "MCP_STATE_KEY": STATE_KEY,
        "MCP_CONFIRM": "operator",
        "MCP_APPROVAL_WAIT": "0",
    }
    with (
        serving(directory / "one", **shared) as one,
        serving(directory / "other", **shared) as other,
        balancer(directory, one.port, other.port) as port,
    ):
        yield one, other, port


@pytest.fixture
def lena(both: tuple[Served, Served, int]) -> Visitor:
    """Somebody who signed in through nginx: each request may reach the other server."""
    one, _, port = both
    made = one.run("console", "link", "--as", "lena")
    assert made.returncode == 0, made.stderr
    visitor = Visitor(("127.0.0.1", port), f"127.0.0.1:{port}")
    assert visitor.signs_in(made.stdout.strip().partition("#")[2]).status == 303
    return visitor


async def test_a_session_counts_at_both(lena: Visitor) -> None:
    answers = [lena.get("/console/account") for _ in range(4)]
    assert [answer.status for answer in answers] == [200] * 4
    assert len({answer.headers["x-replica"] for answer in answers}) == 2


async def test_an_approval_given_at_one_is_honoured_by_the_other(
    both: tuple[Served, Served, int], lena: Visitor
) -> None:
    one, other, _ = both
    async with connect(one, "http") as session:
        asked = await session.make("POST", RESET)
    number = re.search(r"proxmox-mcp approve (\d+)", asked.text)
    assert number, asked
    path = f"/console/approvals/{number[1]}"
    assert lena.submits(path, path, answer="approve").status == 303
    async with connect(other, "http") as session:
        done = await session.make("POST", RESET, confirm=number[1])
    assert not done.is_error, done


async def test_a_freeze_and_a_new_caller_count_at_both(both: tuple[Served, Served, int], lena: Visitor) -> None:
    one, other, _ = both
    made = lena.submits("/console/callers", "/console/callers/make", name="anna", mode="guarded", expires="1")
    token = re.search(r"<pre><code>([\w-]{40,})</code>", made.text)
    assert token, made.text
    lena.submits("/console/", "/console/freeze", **{"for": "", "reason": "both"})
    for each in (one, other):
        async with connect(each, "http", token=token[1]) as session:
            refused = await session.make("PUT", "/nodes/*/qemu/110/config", {"description": "x"})
        assert refused.is_error
        assert "All writes are frozen by lena" in refused.text
    lena.submits("/console/", "/console/unfreeze")
    for each in (one, other):
        async with connect(each, "http", token=TOKEN) as session:
            assert not (await session.make("PUT", "/nodes/*/qemu/110/config", {"description": each.url})).is_error
