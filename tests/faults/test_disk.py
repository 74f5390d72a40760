"""What the disk does wrong: the cache, the audit, the state directory."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from clients import connect
from faults.proxy import Fault, refusal
from faults.table import Row
from in_process import serving_here
from patience import Watch
from proxmox_mcp.apidoc import load_index
from proxmox_mcp.apidoc.store import IndexStore
from serving import TOKEN, serving
from stores import without_a_place_for_secrets
from tools import required

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fakepve import FakePve

    from faults.proxy import Proxy
    from faults.table import Table

pytestmark = pytest.mark.anyio

CONFIG = "/nodes/pve1/qemu/100/config"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def settings(clusters: dict[str, dict[str, str]]) -> dict[str, str]:
    return {**clusters["patient"], "PROXMOX_APIDOC": "auto", "MCP_AUTH_TOKEN": TOKEN, "MCP_MODE": "full"}


def not_a_directory(state: Path) -> None:
    """As good as a directory that can't be written, also where the tests are run by root."""
    state.write_text("")


def garbage(state: Path) -> None:
    (state / "schema" / "cache.db").write_bytes(b"\x00garbage" * 4096)


def cut_short(state: Path) -> None:
    database = state / "schema" / "cache.db"
    database.write_bytes(database.read_bytes()[: database.stat().st_size // 2])


def another_version(state: Path) -> None:
    """The same entries under the head of a later format."""
    for entry in (state / "schema").rglob("*.val"):
        entry.write_bytes(entry.read_bytes().replace(b"proxmox-mcp index 1", b"proxmox-mcp index 9", 1))


def another_schema(state: Path) -> None:
    """The database of something else under our name."""
    for file in (state / "schema").glob("cache.db*"):
        file.unlink()
    with closing(sqlite3.connect(state / "schema" / "cache.db")) as database:
        database.execute("CREATE TABLE Settings (something TEXT)")
        database.execute("CREATE TABLE Cache (other TEXT)")


@pytest.mark.parametrize(
    ("name", "damage", "said"),
    [
        ("the state directory can't be made", not_a_directory, "can't be used"),
        ("the cache is garbage", garbage, "it is damaged"),
        ("the cache is from another version", another_version, "it was written by another version of this program"),
        pytest.param("the cache was cut short", cut_short, "can't be used", marks=pytest.mark.slow),
        pytest.param("the cache is another program's", another_schema, "it is damaged", marks=pytest.mark.slow),
    ],
)
async def test_a_cache_that_cannot_be_used_is_gone_without_and_the_reasons_say_so(
    name: str,
    damage: Callable[[Path], None],
    said: str,
    settings: dict[str, str],
    tmp_path: Path,
    table: Table,
    proxy: Proxy,
    caplog: pytest.LogCaptureFixture,
) -> None:
    state = tmp_path / "state"
    if damage is not not_a_directory:
        IndexStore(state / "schema").save(load_index("9.2"))
    damage(state)
    watch = Watch()
    # The version and the schema of the node, whenever they came, would end the trouble with what was kept before.
    withheld = Fault(
        respond=refusal(501, "no such file"),
        when=lambda request: "apidoc" in request.target or request.target.endswith("/version"),
    )
    with proxy.harm(withheld):
        async with serving_here(tmp_path, MCP_STATE_DIR=str(tmp_path / "kept"), **settings) as here:
            async with httpx2.AsyncClient() as http:
                reasons = (await http.get(f"{here.url}/readyz?verbose", headers=BEARER)).json()
            took = watch.seconds
            assert reasons["ready"] is True
            trouble = reasons["clusters"]["default"]["cache"]
            assert said in trouble
            async with connect(here, "http") as session:
                assert (await session.get(CONFIG, fields="name")).text == "name: guest-100"
                assert not (await session.make("PUT", CONFIG, {"description": "without a cache"})).is_error
    assert not [record for record in caplog.records if record.levelname == "ERROR" or record.exc_info]
    table.add(Row(name, "start, /readyz?verbose", trouble.replace(str(tmp_path), ""), 20, took))


async def test_with_the_disk_of_the_audit_full_reads_go_on_and_no_write_is_sent(
    settings: dict[str, str], proxy: Proxy, tmp_path: Path, table: Table
) -> None:
    with serving(tmp_path, **settings, MCP_AUDIT_FILE="/dev/full") as served:
        async with connect(served, "http") as session:
            assert not (await session.get(CONFIG)).is_error
            watch = Watch()
            answer = await session.make("PUT", CONFIG, {"description": "off-the-record"})
            took = watch.seconds
    assert answer.is_error
    assert "no audit line could be written" in answer.text
    assert "Nothing was sent" in answer.text
    assert proxy.count("off-the-record") == (0, 0)
    table.add(Row("the audit's disk is full", "write", answer.text, 2, took, 0, 0))


@contextmanager
def small_disk(directory: Path, kib: int) -> Iterator[Path]:
    """A file system of a few KiB, where we may mount one."""
    directory.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kib}k", "none", str(directory)]
    required("mount")
    if sys.platform != "linux" or os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root on Linux may mount a small disk")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "-l", str(directory)], check=True)


async def test_when_the_disk_has_room_again_writes_go_on_and_the_record_is_whole(
    settings: dict[str, str], proxy: Proxy, pve: FakePve, tmp_path: Path, table: Table
) -> None:
    with small_disk(tmp_path / "disk", 64) as disk:
        audit = disk / "audit.jsonl"
        with serving(tmp_path, **settings, MCP_AUDIT_FILE=str(audit)) as served:
            async with connect(served, "http") as session:
                (disk / "ballast").write_bytes(b"x" * 36 * 1024)
                sent = refused = 0
                for number in range(60):
                    answer = await session.make("PUT", CONFIG, {"description": f"on-small-{number:02} {'x' * 300}"})
                    count = proxy.count(f"on-small-{number:02}")
                    assert count == ((0, 0) if answer.is_error else (1, 1)), answer
                    sent, refused = sent + (not answer.is_error), refused + answer.is_error
                    if answer.is_error:
                        assert "No space left on device" in answer.text
                assert sent > 5
                assert refused > 5
                (disk / "ballast").unlink()
                watch = Watch()
                after = await session.make("PUT", CONFIG, {"description": "room again"})
                took = watch.seconds
                assert not after.is_error
        lines = audit.read_text().splitlines()
    whole = [record for line in lines if (record := _parsed(line))]
    assert len(whole) >= len(lines) - 1, "at most the line is torn that the full disk cut"
    intents = [record for record in whole if record["event"] == "intent" and "on-small-" in str(record["data"])]
    assert len(intents) == sent, "every write that was sent stands on record"
    table.add(Row("the full disk has room again", "write", after.text, 2, took, 1, 1))


def _parsed(line: str) -> dict[str, Any]:
    try:
        return dict(json.loads(line))
    except ValueError:
        return {}


async def test_a_secret_that_cannot_be_kept_is_not_lost_in_silence(
    settings: dict[str, str], proxy: Proxy, tmp_path: Path, table: Table
) -> None:
    path = "/access/users/root@pam/token/unkept"
    with serving(tmp_path, **settings) as served:
        served.run("approvals")
        without_a_place_for_secrets(tmp_path / "state" / "state")
        async with connect(served, "http") as session:
            watch = Watch()
            answer = await session.make("POST", path)
            took = watch.seconds
    assert answer.is_error
    assert "was done, but the secret that it gave could not be kept" in answer.text
    assert proxy.count(path) == (1, 1)
    table.add(Row("no place to keep a new token's secret", "write", answer.text, 2, took, 1, 1))


async def test_an_approval_that_cannot_be_asked_for_is_no_approval(
    settings: dict[str, str], proxy: Proxy, tmp_path: Path, table: Table
) -> None:
    (tmp_path / "state").write_text("")
    operated = {"MCP_MODE": "guarded", "MCP_CONFIRM": "operator", "MCP_APPROVAL_WAIT": "0"}
    with serving(tmp_path, **settings | operated) as served:
        async with connect(served, "http") as session:
            watch = Watch()
            answer = await session.make("POST", "/nodes/pve1/qemu/100/status/reset")
            took = watch.seconds
    assert answer.is_error
    assert "the state file state.sqlite can't be used" in answer.text
    assert "state.sqlite can't be used" in answer.text
    assert proxy.count("/status/reset") == (0, 0)
    table.add(Row("no place for the queue of approvals", "write", answer.text, 2, took, 0, 0))
