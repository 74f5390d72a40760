"""The load of nodes as lines: from what Proxmox keeps of the last hour, however little of it there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxmox_mcp.errors import UnreachableError
from proxmox_mcp.web.load import HEIGHT, WIDTH, Line, NodeLoad, load_of, read_loads

if TYPE_CHECKING:
    from proxmox_mcp.proxmox.access import Reader


def row(time: int, cpu: Any = 0.5, used: Any = 1, total: Any = 4) -> dict[str, Any]:
    return {"time": time, "cpu": cpu, "memused": used, "memtotal": total}


def test_values_are_in_the_order_of_time_whatever_order_they_came_in() -> None:
    load = load_of([row(60, cpu=0.3, used=3), row(0, cpu=0.1, used=1), row(30, cpu=0.2, used=2)])
    assert load == NodeLoad(Line((0.1, 0.2, 0.3)), Line((0.25, 0.5, 0.75)))


def test_a_row_without_a_value_adds_no_point() -> None:
    """Proxmox gives rows without figures for the time in which a node was off."""
    rows = [row(0), {"time": 30}, row(60, cpu=None, used=None), row(90, cpu="0.25", total=0)]
    assert load_of(rows) == NodeLoad(Line((0.5, 0.25)), Line((0.25,)))


def test_of_many_points_the_last_are_drawn() -> None:
    load = load_of([row(number, cpu=number / 1000) for number in range(200)])
    assert load.cpu.values == tuple(number / 1000 for number in range(120, 200))


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from(["time", "cpu", "memused", "memtotal"]), inner, max_size=4)
        ),
    )
)
def test_an_answer_of_any_shape_gives_lines_that_can_be_drawn(rows: Any) -> None:
    for line in (load_of(rows).cpu, load_of(rows).memory):
        for point in line.points.split():
            across, down = map(float, point.split(","))
            assert 0 <= across <= WIDTH
            assert 0 <= down <= HEIGHT


def test_a_line_goes_from_one_side_to_the_other_and_higher_values_are_higher() -> None:
    line = Line((0.0, 1.0, 0.5))
    assert line.points == "0.0,27.0 50.0,1.0 100.0,14.0"
    assert line.area == f"0,28 {line.points} 100,28"
    assert Line((-3.0, 7.0)).points == "0.0,27.0 100.0,1.0", "what is beyond the box is drawn at its edge"


def test_one_value_is_no_line() -> None:
    assert (Line((0.5,)).points, Line((0.5,)).area) == ("", "")


def test_a_line_is_told_in_words_to_those_who_do_not_see_it() -> None:
    assert Line((0.127, 0.5, 0.9)).said("Processor") == "Processor in the last hour: from 13% to 90%"
    assert Line().said("Memory") == "Memory: no values of the last hour"


@pytest.mark.anyio
async def test_a_node_that_does_not_answer_has_no_lines() -> None:
    asked = []

    class Nodes:
        async def get(self, path: str, params: Any, *, deadline: float) -> Any:
            asked.append((path, params))
            if "pve2" in path:
                raise UnreachableError("pve2 is down.")
            return [row(0), row(30)]

    reader: Reader = Nodes()  # type: ignore[assignment]
    assert list(await read_loads(reader, ["pve1", "pve2", "a/b"])) == ["pve1", "a/b"]
    assert ("/nodes/a%2Fb/rrddata", {"timeframe": "hour"}) in asked


@pytest.mark.anyio
async def test_of_very_many_nodes_the_first_are_read() -> None:
    asked = 0

    class Nodes:
        async def get(self, *_given: Any, **_more: Any) -> Any:
            nonlocal asked
            asked += 1
            return []

    reader: Reader = Nodes()  # type: ignore[assignment]
    await read_loads(reader, [f"n{number}" for number in range(100)])
    assert asked == 32
