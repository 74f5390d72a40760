from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxmox_mcp.errors import ViewError
from proxmox_mcp.render.clock import Clock
from proxmox_mcp.render.filters import NO_FILTER, Comparison, Filter, parse_filter
from proxmox_mcp.render.legend import Legend
from proxmox_mcp.render.selection import select

NOW = 1_760_000_000.0
RECORDS: list[dict[str, Any]] = [
    {"vmid": 100, "name": "web-01", "status": "running", "mem": 7 * 2**30, "maxmem": 8 * 2**30, "tags": "prod;web"},
    {"vmid": 101, "name": "web 2", "status": "stopped", "mem": 0, "maxmem": 8 * 2**30, "tags": "", "lock": "backup"},
    {"vmid": "102", "name": "db", "status": "running", "mem": 2**30, "maxmem": 0, "snaptime": NOW - 40 * 86_400},
    {"vmid": 103, "name": 'a"b', "uptime": 2 * 86_400, "memory": {"used": 9, "total": 10}, "snaptime": NOW - 60},
]


def names(text: str) -> list[str]:
    return [record["name"] for record in select(RECORDS, parse_filter(text), legend=Legend(clock=Clock(NOW)))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["web-01", "web 2", "db", 'a"b']),
        ("status=running", ["web-01", "db"]),
        ("status = running and mem > 80%", ["web-01"]),
        ("status==running AND name~WEB", ["web-01"]),
        ("name='web 2'", ["web 2"]),
        (r'name="a\"b"', ['a"b']),
        ("status!=running", ["web 2", 'a"b']),
        ("vmid>=102", ["db", 'a"b']),
        ("vmid=102", ["db"]),
        ("mem>=1G", ["web-01", "db"]),
        ("mem<1.5GiB", ["web 2", "db"]),
        ("mem=1073741824", ["db"]),
        ("tags=web", ["web-01"]),
        ('tags=""', ["web 2", "db", 'a"b']),
        ('lock!=""', ["web 2"]),
        ("uptime>1d12h", ['a"b']),
        ("uptime>90min", ['a"b']),
        ("snaptime<now-30d", ["db"]),
        ("snaptime>now-1h", ['a"b']),
        ("snaptime>2025-10-01", ['a"b']),
        ("memory>80%", ['a"b']),
        ("memory.used=9", ['a"b']),
        ("lock?", ["web 2"]),
        ("mem?", ["web-01", "db"]),
        ("tags ? and status=running", ["web-01"]),
        ("lock? or uptime>1d", ["web 2", 'a"b']),
        ("status=running and mem>80% OR lock=backup and mem=0", ["web-01", "web 2"]),
        ("snaptime<now+1d and snaptime>now-1d", ['a"b']),
    ],
)
def test_a_filter_keeps_what_it_says(text: str, expected: list[str]) -> None:
    assert names(text) == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("status", "expected a condition at `status`"),
        ("status=", "expected a condition"),
        ("status=running or", "expected `and` or `or`"),
        ("(status=running or mem>80%) and name~web", "Brackets are not supported"),
        ("status=running || lock?", "Write `or`"),
        ("mem>5", "Write mem>5GiB"),
        ("snaptime<30", "Write snaptime<now-30d"),
        ("status=running, mem>80%", "expected `and`"),
        ("status=running,mem>80%", "expected `and`"),
        ("name=web 2", "with blanks"),
        ("status=running and", "expected `and`"),
        ("stauts=running", "Did you mean `status`"),
        ("mem>lots", "a size \\(8G\\)"),
        ("mem>8X", "can't be compared"),
        ("mem>5m", "5M or 5min"),
        ("name>80%", "% works for: mem"),
        ("snaptime<30d", "snaptime<now-30d for older"),
        ("x" * 3000, "more than 2000 characters"),
    ],
)
def test_a_faulty_filter_is_refused_with_what_is_right(text: str, told: str) -> None:
    with pytest.raises(ViewError, match=told):
        names(text)


def test_quoted_text_is_text_even_if_it_looks_like_a_size() -> None:
    assert parse_filter('name="8G"') == Filter(((Comparison("name", "=", "8G", quoted=True),),))
    assert select([{"name": "8G"}, {"name": "x"}], parse_filter('name="8G"')) == [{"name": "8G"}]


def test_a_list_equals_each_of_its_members() -> None:
    records = [{"n": 1, "on": ["pve1", "pve2"]}, {"n": 2, "on": ["pve3"]}]
    assert select(records, parse_filter("on=pve2")) == [records[0]]


def test_an_empty_list_has_no_unknown_fields() -> None:
    assert select([], parse_filter("anything=1")) == []


@given(st.text(max_size=80))
def test_any_text_is_a_filter_or_refused_as_one(text: str) -> None:
    try:
        conditions = parse_filter(text)
    except ViewError as refusal:
        conditions = NO_FILTER
        refused = bool(refusal.advice)
    else:
        refused = False
    assert refused or conditions or not text.strip()


@given(st.sampled_from(["=", "!=", ">", "<", ">=", "<=", "~"]), st.text(alphabet="aZ09.-", min_size=1, max_size=12))
def test_a_condition_is_read_as_it_is_written(operator: str, value: str) -> None:
    assert parse_filter(f"name{operator}{value}") == Filter(((Comparison("name", operator, value),),))  # type: ignore[arg-type]
