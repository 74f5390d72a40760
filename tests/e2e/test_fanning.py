"""One question to every node, guest or storage, through a real client."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from clients import connect

if TYPE_CHECKING:
    from collections.abc import Callable

    from serving import Served

    Golden = Callable[[str, str], None]

pytestmark = pytest.mark.anyio


async def test_which_guests_have_old_snapshots_is_one_call(server: Served) -> None:
    async with connect(server) as session:
        answer = await session.get(
            "/nodes/*/qemu/*/snapshot", fields="node,guest,name", filter="snaptime<now-30d and guest!=ci-01"
        )
    assert answer.text.startswith("all: node=pve1\nguest name\ndb-01 before-16-upgrade\ngit-01 pre-17.4\n")


async def test_a_condition_on_the_place_is_met_before_anything_is_asked(server: Served) -> None:
    async with connect(server, "http") as session:
        await session.get("/version")
        before = len((server.directory / "audit.jsonl").read_text().splitlines())
        answer = await session.get(
            "/nodes/*/lxc/*/config", fields="guest,hostname,cores", filter="node=pve3 and guest~dns"
        )
    lines = (server.directory / "audit.jsonl").read_text().splitlines()[before:]
    assert "dns-02" in answer.text
    assert [line.count("/nodes/pve3/lxc/113/config") for line in lines] == [1]


async def test_every_place_is_decided_and_recorded_by_itself(server: Served) -> None:
    before = len((server.directory / "audit.jsonl").read_text().splitlines())
    async with connect(server) as session:
        answer = await session.get("/nodes/*/disks/list", data={"include-partitions": 0})
    lines = (server.directory / "audit.jsonl").read_text().splitlines()[before:]
    assert not answer.is_error
    assert [f"/nodes/pve{n}/disks/list" in "".join(lines) for n in (1, 2, 3)] == [True] * 3


async def test_a_fan_that_looks_into_guests_is_refused_as_one_call_would_be(server: Served) -> None:
    async with connect(server) as session:
        answer = await session.get("/nodes/*/qemu/*/agent/file-read", data={"file": "/etc/passwd"})
        called = await session.make("GET", "/nodes/*/qemu/*/agent/file-read", {"file": "/etc/passwd"})
    assert answer.is_error
    assert "this does more: inside" in answer.text
    assert called.is_error


async def test_a_call_that_changes_something_goes_to_one_place(server: Served) -> None:
    async with connect(server) as session:
        many = await session.make("POST", "/nodes/*/qemu/*/status/start")
        none = await session.make("POST", "/nodes/*/qemu/db-1/status/start")
    assert many.is_error
    assert re.match(r"/nodes/\*/qemu/\*/status/start stands for \d+ places, and POST goes to one\.\n", many.text)
    assert "Name the place: /nodes/pve1/qemu/100/status/start, " in many.text
    assert none.is_error
    assert "db-01" in none.text


async def test_where_some_places_fail_the_others_are_told_with_the_failures_beside(
    server: Served, golden: Golden
) -> None:
    async with connect(server) as session:
        answer = await session.get("/nodes/*/qemu/*/agent/network-get-interfaces", fields="guest", filter="node=pve3")
    assert not answer.is_error
    golden("fanning/some-failed", answer.text)


async def test_vms_and_containers_are_asked_in_one_call_and_only_those_that_run(server: Served) -> None:
    async with connect(server) as session:
        answer = await session.get(
            "/nodes/*/guests/*/config", fields="vmid,kind,status,cores", filter="tags=prod and status=running"
        )
        named = await session.get("/nodes/*/guests/dns-02/config", fields="hostname")
    assert answer.text.startswith("all: status=running\nvmid kind cores\n"), answer.text
    assert " qemu " in answer.text
    assert " lxc " in answer.text
    assert re.search(r"(\d+) of \1 match\)$", answer.text), "no guest was asked that the filter leaves out"
    assert named.text == "hostname: dns-02"
