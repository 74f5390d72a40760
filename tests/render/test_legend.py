from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxmox_mcp.render import Clock, Legend, Quantity
from proxmox_mcp.render.columns import quantity_of
from proxmox_mcp.render.legend import without_date
from proxmox_mcp.render.quantities import in_series, is_named_for_time, number_of, quantity_by_name
from proxmox_mcp.render.units import parse_size, significant, size_text, spaced_duration

NOW = 1_795_863_600
LEGEND = Legend(clock=Clock(NOW, ZoneInfo("Europe/Berlin"), "Europe/Berlin"))
GIB = 2**30


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("ctime", NOW - 9 * 3600, "2026-11-28 03:00 (9 h ago)"),
        ("notafter", NOW + 3 * 86_400, "2026-12-01 12:00 (in 3 d)"),
        ("last-run", 0, "never"),
        ("expire", 0, "never"),
        ("next_sync", 0, "none"),
        ("endtime", None, None),
        ("uptime", 5 * 86_400 + 3600, "5 d 1 h"),
        ("maxmem", "8589934592", "8 GiB"),
        ("memory.used", 74_088_185_856, "69 GiB"),
        ("pgmap.read_bytes_sec", 5_242_880, "5 MiB/s"),
        ("mem_total_kb", 2_097_152, "2 GiB"),
        ("scsi0.rd_total_time_ns", 1_234_567_890, "1.23 s"),
        ("cpu", 0.8634, "86.3%"),
        ("pressureiosome", 0.5, "0.5%"),
        ("memory", 8192, None),
        ("memory", 8 * GIB, "8 GiB"),
        ("size", 3, None),
        ("vmid", 100, None),
        ("port", 1_795_863_600, None),
        ("VM.Config.CPU", 1, None),
        ("mem", True, None),
        ("mem", -1, None),
        ("ctime", 10**20, None),
    ],
)
def test_a_number_reads_as_its_field_says(field: str, value: Any, text: str | None) -> None:
    assert LEGEND.line(field, value) == text


def test_the_schema_is_believed_before_the_name() -> None:
    legend = Legend(quantities={"size": Quantity.BYTES, "cpu": Quantity.PERCENT, "x": Quantity.MIB}.get)
    assert [legend.line("size", 3), legend.line("cpu", 12), legend.line("x", 2048)] == ["3 B", "12%", "2 GiB"]


def test_what_is_sent_back_keeps_its_number_and_raw_keeps_all() -> None:
    exact = Legend(exact={"maxmem", "expire"}, clock=LEGEND.clock)
    assert exact.line("maxmem", 8 * GIB) is None
    assert exact.line("expire", NOW + 86_400) == f"2026-11-29 12:00 (in 1 d) = {NOW + 86_400}"
    assert exact.line("expire", 0) == "0 (never)"
    assert LEGEND.at(LEGEND.clock, raw=True).line("ctime", NOW) is None


def test_a_cell_has_no_blanks() -> None:
    assert LEGEND.cell("ctime", NOW - 9 * 3600) == "2026-11-28T03:00(9h)"
    assert LEGEND.cell("mem", 74_088_185_856) == "69GiB"
    assert LEGEND.readable("a", {"mem": GIB, "list": [{"ctime": 0}]}) == {"mem": "1GiB", "list": [{"ctime": "none"}]}


def test_an_answer_with_a_time_is_told_from_one_without() -> None:
    assert LEGEND.tells_time([{"vmid": 1}, {"vmid": 2, "ha": {"timestamp": NOW}}])
    assert not LEGEND.tells_time([{"vmid": 1, "expire": 0}])
    assert not LEGEND.tells_time({"ctime": NOW, "size": 1}, ("size",))


def test_names_of_times_and_series_are_known() -> None:
    assert is_named_for_time("a.snaptime")
    assert not is_named_for_time("uptimes")
    assert in_series("netin", None) is Quantity.RATE
    assert in_series("mem", Quantity.BYTES) is Quantity.BYTES
    assert (without_date("last_sync"), without_date("next_sync")) == ("never", "none")
    assert [number_of(value) for value in ("12", "1.5", "x", None, True, 3)] == [12, None, None, None, None, 3]
    assert quantity_by_name("total-bytes", 2.0**30) is Quantity.BYTES


@given(st.integers(1, 2**62))
def test_a_size_has_three_digits_and_is_off_by_no_more_than_they_are(size: int) -> None:
    text = size_text(size, "")
    read = float(text[:-1]) if text.endswith("B") and not text.endswith("iB") else parse_size(text)
    if read is not None:
        assert abs(read - size) <= 0.0051 * size


@given(st.floats(0, 1e12))
def test_a_figure_has_no_exponent(number: float) -> None:
    text = significant(number)
    assert "e" not in text
    assert abs(float(text) - number) <= max(0.0051 * number, 1e-6)


def test_a_duration_in_words_is_that_in_a_cell_with_blanks() -> None:
    assert [spaced_duration(s) for s in (45, 12_000, 273_600, 6_140_000)] == ["45 s", "3 h 20 m", "3 d 4 h", "71 d"]


def test_a_time_is_looked_for_among_the_fields_that_may_hold_one() -> None:
    asked: list[str] = []

    def by_schema(name: str) -> Quantity | None:
        asked.append(name)
        return None

    records = [{"vmid": number, "mem": 2**30 + number, "name": "web", "cpu": 0.5} for number in range(400)]
    assert not Legend(quantities=by_schema).tells_time(records)
    assert asked == ["vmid", "mem", "name", "cpu"]
    assert Legend(quantities=by_schema).tells_time([*records, {"ctime": 1_790_000_000}])


def test_a_column_of_zeros_is_asked_about_once_and_told_by_the_first_other_number() -> None:
    asked: list[str] = []

    def by_schema(name: str) -> Quantity | None:
        asked.append(name)
        return None

    legend = Legend(quantities=by_schema)
    assert quantity_of(legend, "diskread", [0] * 500) == (None, [0] * 500)
    assert asked == ["diskread"]
    assert quantity_of(legend, "diskread", [0, 0, 5, 2**30, "x", 2**40])[0] is Quantity.BYTES
    assert quantity_of(legend, "starttime", [0, 0])[0] is Quantity.TIME
