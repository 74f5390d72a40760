"""The result of a call on a terminal: aligned, complete, and without anything that moves the cursor; or as JSON."""

from __future__ import annotations

import json
import unicodedata
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxmox_mcp.cli.result import as_json, as_text
from proxmox_mcp.errors import ViewError
from proxmox_mcp.gateway.answers import Result
from proxmox_mcp.render import Clock, Legend, View

GUESTS = [
    {"name": "web-01", "vmid": 100, "status": "running", "lock": ""},
    {"name": "a much longer name", "vmid": 9999, "status": "stopped"},
]


def text(data: Any, **view: Any) -> str:
    return as_text(Result(data), View.of(**view))


def test_records_are_aligned_columns_those_that_name_them_first() -> None:
    assert text(GUESTS).splitlines() == [
        "vmid  name                status",
        " 100  web-01              running",
        "9999  a much longer name  stopped",
        "(2 rows)",
    ]


def test_all_rows_are_there_however_many() -> None:
    assert len(text([{"vmid": number} for number in range(5000)]).splitlines()) == 5002


def test_a_filter_and_fields_and_a_limit_leave_what_was_asked_for() -> None:
    assert text(GUESTS, filter="status=running", fields="vmid").splitlines() == ["vmid", " 100", "(1 row of 2)"]
    assert text(GUESTS, limit=1).splitlines()[-1] == "(1 row of 2)"
    assert text(GUESTS, filter="vmid>10000") == "None of 2 rows match the filter."
    assert json.loads(as_json(Result(GUESTS), View.of("name", "vmid>1000"))) == [{"name": "a much longer name"}]


def test_an_unknown_field_is_refused_with_the_near_one() -> None:
    with pytest.raises(ViewError, match="nmae") as caught:
        text(GUESTS, fields="nmae")
    assert "name" in caught.value.advice


def test_an_object_has_a_line_for_each_field_and_a_long_text_is_below_its_name() -> None:
    record = {"cores": 4, "description": "first\nsecond", "net": {"bridge": "vmbr0"}}
    assert text(record).splitlines() == [
        "cores:       4",
        "description:",
        "  first",
        "  second",
        "net.bridge:  vmbr0",
    ]


def test_people_read_times_and_sizes_and_programs_the_numbers_that_were_sent() -> None:
    legend = Legend(clock=Clock(1_760_000_000, ZoneInfo("Europe/Berlin"), "Europe/Berlin"))
    backups = [{"volid": "nas:1", "size": 8 * 2**30, "ctime": 1_759_990_000}, {"volid": "nas:2", "size": 2**20}]
    result = Result(backups, legend=legend)
    assert as_text(result, View()).splitlines() == [
        "volid   size                            ctime",
        "nas:1  8 GiB  2025-10-09 08:06 (2 h 46 m ago)",
        "nas:2  1 MiB",
        "(2 rows)",
        "(now 2025-10-09 10:53 Europe/Berlin)",
    ]
    assert json.loads(as_json(result, View())) == backups
    assert as_text(Result({"memory": {"used": 2**30}}, legend=legend), View()) == "memory.used: 1 GiB"


def test_lists_of_texts_logs_texts_and_empty_data_are_printed_as_such() -> None:
    assert text(["one", "two"]) == "one\ntwo"
    assert text([{"n": 1, "t": "starting"}, {"n": 2, "t": "TASK OK"}]) == "starting\nTASK OK"
    assert text("a\nb") == "a\nb"
    assert text([]) == "The list is empty."
    assert text(None) == "Proxmox returned no data."
    assert as_text(Result("UPID:x", told="Task ended: OK"), View()) == "Task ended: OK"


HIDING = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}
"""Characters that change the order in which others are shown."""
TEXTS = st.text(st.characters())
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)


@given(VALUES)
def test_nothing_that_a_guest_writes_reaches_the_terminal_as_a_control(data: Any) -> None:
    shown = as_text(Result(data), View()) + as_json(Result(data), View())
    controls = {each for each in shown if unicodedata.category(each) in ("Cc", "Cs")} - {"\n", "\t"}
    assert not controls
    assert not [each for each in shown if unicodedata.bidirectional(each) in HIDING]


@given(VALUES)
def test_json_holds_the_data_as_it_came(data: Any) -> None:
    assert json.loads(as_json(Result(data), View())) == data
    assert as_json(Result(data), View()).isascii()
