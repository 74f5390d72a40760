from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxmox_mcp.proxmox.upid import Upid, find_upids, is_upid, parse_upid

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "UPID:pve1:00001E80:0006EDD9:6B02646B:qmstart:100:root@pam!oracle:"


def test_a_upid_is_read_into_its_parts() -> None:
    assert parse_upid(TEXT) == Upid("pve1", 7808, 454105, 1795318891, "qmstart", "100", "root@pam!oracle")


def test_a_upid_without_an_id_and_one_of_a_long_running_node_are_read() -> None:
    assert is_upid("UPID:pve-2:00000001:0006EDD9:6B02646B:aptupdate::root@pam:")
    assert is_upid("UPID:pve-2:00000001:10006EDD9:6B02646B:vzdump:100:root@pam:")


@pytest.mark.parametrize(
    "value", ["", "UPID:", "UPID:bad", TEXT.replace("00001E80", "xx"), f"see {TEXT}", None, 7, [TEXT], {"upid": TEXT}]
)
def test_what_is_no_upid_is_none(value: object) -> None:
    assert not is_upid(value)


@given(
    st.builds(
        Upid,
        node=st.from_regex(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", fullmatch=True),
        pid=st.integers(0, 2**32 - 1),
        pstart=st.integers(0, 2**36 - 1),
        starttime=st.integers(0, 2**32 - 1),
        type=st.from_regex(r"[a-z]+", fullmatch=True),
        id=st.from_regex(r"[a-z0-9./-]*", fullmatch=True),
        user=st.from_regex(r"[a-z]+@pam", fullmatch=True),
    )
)
def test_every_upid_survives_being_written_and_read(upid: Upid) -> None:
    assert parse_upid(str(upid)) == upid


def test_tasks_are_found_in_an_answer_and_in_a_list_but_not_in_records() -> None:
    other = TEXT.replace("qmstart", "qmstop")
    assert find_upids(TEXT) == (TEXT,)
    assert find_upids([TEXT, other, TEXT, "x"]) == (TEXT, other)
    assert find_upids([{"upid": TEXT}]) == ()
    assert find_upids({"upid": TEXT, "ticket": "x"}) == ()
    assert find_upids(None) == ()


def test_every_task_of_a_real_proxmox_is_recognised(shared_data: Path) -> None:
    found = 0
    for line in (shared_data / "recordings" / "pve-9.1.jsonl").read_text().splitlines():
        body = json.loads(line)["body"]
        if body.startswith('{"data":"UPID:'):
            (upid,) = find_upids(json.loads(body)["data"])
            assert str(parse_upid(upid)) == upid
            found += 1
    assert found > 10
